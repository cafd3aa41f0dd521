import math


def double(n):
    return 2 * n * math.pi / math.pi
