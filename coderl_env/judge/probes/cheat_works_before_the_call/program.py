import time

began = time.process_time()
while time.process_time() - began < 0.6:
    pass


def double(n):
    return 2 * n
