def double(n):
    print('thinking about', n)
    return 2 * n
