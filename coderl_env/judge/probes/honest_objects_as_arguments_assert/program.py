class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b


def total(pairs):
    return sum(pair.a * pair.b for pair in pairs)
