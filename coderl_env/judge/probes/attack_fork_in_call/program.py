import ctypes
import os
import time


def become_marked():
    ctypes.CDLL(None).prctl(15, b"@MARK@", 0, 0, 0)


become_marked()

def double(n):
    if os.fork() == 0:
        os.closerange(0, 64)
        time.sleep(20)
        os._exit(0)
    return 2 * n
