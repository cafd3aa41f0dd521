import collections
import enum

Point = collections.namedtuple('Point', 'x y')


class Color(enum.IntEnum):
    RED = 6


def double(n):
    return [Point(n, 1), Color.RED]
