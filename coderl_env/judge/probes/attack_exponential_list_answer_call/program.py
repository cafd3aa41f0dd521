def double(n):
    value = [1]
    for _ in range(26):
        value = [value, value]
    return value
