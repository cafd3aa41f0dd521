def double(n):
    raise ValueError
