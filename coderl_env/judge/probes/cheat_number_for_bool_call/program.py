def double(n):
    return 1
