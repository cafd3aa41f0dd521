import os


def double(n):
    os.close(3)
    return 2 * n
