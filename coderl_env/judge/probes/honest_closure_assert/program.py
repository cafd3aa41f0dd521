def double(n):
    return lambda m: n * m
