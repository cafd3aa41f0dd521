def double(n):
    raise StopIteration
