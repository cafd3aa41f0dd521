def double(numbers):
    for n in numbers:
        yield 2 * n
