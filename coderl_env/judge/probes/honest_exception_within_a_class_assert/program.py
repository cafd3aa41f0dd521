class Queue:
    class Empty(Exception):
        pass

    def __init__(self):
        self.items = []

    def put(self, item):
        self.items.append(item)

    def get(self):
        if not self.items:
            raise Queue.Empty
        return self.items.pop(0)
