import sys

text = sys.stdin.read()


def double(n):
    return 2 * n
