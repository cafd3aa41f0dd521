def double(n):
    return [3, 1, 2]
