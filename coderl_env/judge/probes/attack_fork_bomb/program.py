import ctypes
import os
import time


def become_marked():
    ctypes.CDLL(None).prctl(15, b"@MARK@", 0, 0, 0)


become_marked()

for _ in range(30):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
print(2 * int(input()))
