import time


def double(n):
    began = time.process_time()
    while time.process_time() - began < 1.0:
        pass
    return 2 * n
