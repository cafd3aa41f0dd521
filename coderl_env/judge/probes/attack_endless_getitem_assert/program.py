class Endless:
    def __getitem__(self, index):
        return index


def double(n):
    return Endless()
