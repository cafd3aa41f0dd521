def double(n):
    return []
