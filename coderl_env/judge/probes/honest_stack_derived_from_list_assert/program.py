class StackError(Exception):
    pass
class EmptyStack(StackError):
    def __init__(self, size=0):
        super().__init__(f"empty {size}")
        self.size = size
class Stack(list):
    def push(self, x): self.append(x)
    def top(self):
        if not self: raise EmptyStack(7)
        return self[-1]
def make(): return Stack()
