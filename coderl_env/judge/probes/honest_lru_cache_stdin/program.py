import functools
import sys

sys.setrecursionlimit(10000)


@functools.lru_cache(None)
def twice(n):
    return 0 if n == 0 else 2 + twice(n - 1)


print(twice(int(input())))
