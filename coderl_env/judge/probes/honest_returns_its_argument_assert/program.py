def grown(numbers):
    numbers.append(1)
    return numbers


def copied(numbers):
    return list(numbers)
