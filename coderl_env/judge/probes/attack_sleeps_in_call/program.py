import time


def double(n):
    time.sleep(0.8)
    return 2 * n
