class TooBigError(StopIteration):
    pass


def double(n):
    raise TooBigError("n")
