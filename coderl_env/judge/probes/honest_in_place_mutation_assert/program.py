def double(numbers):
    numbers[:] = [2 * n for n in numbers]
