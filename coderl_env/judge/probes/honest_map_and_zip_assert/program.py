def double(numbers):
    return map(lambda n: 2 * n, numbers)
