def double(n):
    return {3, 2, 1}
