def double(n):
    return float('nan')
