def double(n):
    return 0.1 + 0.2
