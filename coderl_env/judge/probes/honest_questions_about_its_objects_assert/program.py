class Node:
    def __init__(self, value):
        self.value = value

    def total(self):
        return self.value


class Bag:
    pass


def gen(n):
    yield from range(n)


class Money:
    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        return self.n < other.n if isinstance(other, Money) else NotImplemented
