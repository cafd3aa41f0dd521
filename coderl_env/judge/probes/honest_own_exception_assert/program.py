class Unfit(ValueError):
    pass


def double(n):
    if n < 0:
        raise Unfit
    return 2 * n
