def double(n):
    value = []
    value.append(value)
    return value
