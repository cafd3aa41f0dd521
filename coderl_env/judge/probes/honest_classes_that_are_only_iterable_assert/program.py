class Bag:
    def __init__(self, *items):
        self.items = list(items)

    def __iter__(self):
        return iter(self.items)


class Sized:
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size


class Seq:
    def __getitem__(self, place):
        if isinstance(place, slice):
            return list(range(10))[place]
        if place >= 3:
            raise IndexError
        return place * 10
