def double(n):
    return 1 << 3_000_000
