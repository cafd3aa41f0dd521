def double(n):
    return 'x' * (16 << 20)
