import time


def double(n):
    time.sleep(1.5)
    return 2 * n
