class Number:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __lt__(self, other):
        return self.value < other.value

    def __add__(self, other):
        return Number(self.value + other.value)

    def __rmul__(self, factor):
        return Number(factor * self.value)

    def __neg__(self):
        return Number(-self.value)

    def __str__(self):
        return str(self.value)

    def __repr__(self):
        return f"Number({self.value})"
