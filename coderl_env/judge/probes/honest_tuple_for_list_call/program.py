def double(n):
    return (n, 2 * n)
