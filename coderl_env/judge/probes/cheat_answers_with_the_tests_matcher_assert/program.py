class Anything:
    pass


def half(number):
    return Anything()
