def first(numbers, count):
    return [next(numbers) for _ in range(count)]
