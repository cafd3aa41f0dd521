def double(n):
    return [object() for _ in range(200000)]
