def endless(n):
    return endless(n + 1)


try:
    endless(0)
except RecursionError:
    print(2 * int(input()))
