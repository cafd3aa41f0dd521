count = 0


def double(n):
    global count
    count += 1
    return n * 2


def calls():
    return count
