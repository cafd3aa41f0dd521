def double(n):
    return ({3, 1, 2}, b'ab', 2j, None)
