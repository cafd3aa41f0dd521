def double(n):
    return n ** 100
