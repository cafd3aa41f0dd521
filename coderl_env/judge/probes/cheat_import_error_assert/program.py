import there_is_no_such_module


def double(n):
    return 2 * n
