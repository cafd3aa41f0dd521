count = 0


def walk(n):
    global count
    count += 2
    if n > 1:
        walk(n - 1)


walk(int(input()))
print(count)
