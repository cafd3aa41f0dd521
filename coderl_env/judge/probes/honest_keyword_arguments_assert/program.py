def double(n, *, factor=2, **rest):
    return n * factor + len(rest)
