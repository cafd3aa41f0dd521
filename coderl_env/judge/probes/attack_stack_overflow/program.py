import sys

sys.setrecursionlimit(10**9)


def deeper(x):
    return max([x], key=deeper)


deeper(1)
