from collections import Counter, OrderedDict, defaultdict


def double(n):
    return [Counter('aab'), OrderedDict(b=1), defaultdict(int, {'c': n})][n - 1]
