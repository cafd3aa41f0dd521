class Node:
    count = 0

    def __init__(self, value):
        self.value, self.kids, self.meta = value, [], {}

    def total(self):
        return self.value + sum(kid.total() for kid in self.kids)
