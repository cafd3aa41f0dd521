def double(n):
    return list(range(n))
