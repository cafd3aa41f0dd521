def double(numbers):
    for place, n in enumerate(numbers):
        numbers[place] = 2 * n
    return numbers
