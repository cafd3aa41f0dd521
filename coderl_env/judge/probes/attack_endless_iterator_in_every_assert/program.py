import itertools


def double(n):
    return itertools.count()
