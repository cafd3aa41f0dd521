TEXT = '''a
b'''


def twice(n):
    return 2 * n if len(TEXT) == 3 else TEXT


print(twice(int(input())))
