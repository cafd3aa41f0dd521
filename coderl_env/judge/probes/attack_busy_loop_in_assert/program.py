import time


def double(n):
    began = time.process_time()
    while time.process_time() - began < 0.5:
        pass
    return 2 * n
