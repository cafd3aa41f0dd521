def double(n):
    for _ in range(8):
        print('x' * (1 << 20))
    return 2 * n
