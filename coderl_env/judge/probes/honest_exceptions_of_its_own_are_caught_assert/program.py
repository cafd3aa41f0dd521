class StackError(Exception):
    pass


class EmptyStack(StackError):
    def __init__(self, size=0):
        super().__init__(f"empty {size}")
        self.size = size


class Stack:
    def top(self):
        raise EmptyStack(7)
