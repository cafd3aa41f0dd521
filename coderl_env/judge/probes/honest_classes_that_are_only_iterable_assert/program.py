class Node:
    def __init__(self, v): self.v, self.kids, self.meta = v, [], {}
    def total(self): return self.v + sum(k.total() for k in self.kids)
    count = 0
class Bag:
    def __init__(self, *xs): self.xs = list(xs)
    def __iter__(self): return iter(self.xs)
class Sized:
    def __init__(self, n): self.n = n
    def __len__(self): return self.n
class Seq:
    def __getitem__(self, i):
        if isinstance(i, slice): return list(range(10))[i]
        if i >= 3: raise IndexError
        return i * 10
class Manager:
    def __init__(self): self.log = []
    def __enter__(self): self.log.append("in"); return self
    def __exit__(self, k, e, t):
        self.log.append(k.__name__ if k else "out"); return k is ValueError
import contextlib
@contextlib.contextmanager
def managed(log):
    log.append(1)
    yield len(log)
def gen(n):
    for i in range(n): yield i
class Money:
    def __init__(self, n): self.n = n
    def __float__(self): return float(self.n)
    def __int__(self): return self.n
    def __lt__(self, o): return self.n < o.n if isinstance(o, Money) else NotImplemented
    def __hash__(self): return hash(self.n)
    def __eq__(self, o): return isinstance(o, Money) and o.n == self.n
def copies(xs): return list(xs)
def same(xs): xs.append(1); return xs
