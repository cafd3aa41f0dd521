def double(n):
    return n / 0.5
