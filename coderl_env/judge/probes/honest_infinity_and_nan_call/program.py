def double(n):
    return [float('inf'), float('nan')]
