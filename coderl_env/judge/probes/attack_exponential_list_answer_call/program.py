def double(n):
    value = [1]
    for _ in range(25):
        value = [value, value]
    return value
