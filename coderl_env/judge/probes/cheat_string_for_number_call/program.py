def double(n):
    return str(2 * n)
