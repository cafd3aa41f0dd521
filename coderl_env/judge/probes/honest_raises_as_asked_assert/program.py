def double(n):
    if not isinstance(n, int):
        raise TypeError('a number, please')
    return 2 * n
