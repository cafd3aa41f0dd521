def double(n):
    value = {}
    value['self'] = value
    return value
