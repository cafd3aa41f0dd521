import sys

sys.setrecursionlimit(10**6)


def double(n):
    return 0 if n == 0 else 2 + double(n - 1)
