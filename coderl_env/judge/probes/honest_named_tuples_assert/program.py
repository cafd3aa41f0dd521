from collections import namedtuple
from typing import NamedTuple
Point = namedtuple("Point", "x y")
class Vector(NamedTuple):
    x: int
    y: int
    def __add__(self, other): return Vector(self.x+other.x, self.y+other.y)
    def norm(self): return abs(self.x)+abs(self.y)
def make(x): return Point(x, x+1)
def total(p): return p.x + p.y
def vec(x): return Vector(x, x)
def many(): return {Point(1,2): [Point(3,4)], "s": {Point(5,6)}}
