import ctypes
import os
import time


def become_marked():
    ctypes.CDLL(None).prctl(15, b"@MARK@", 0, 0, 0)


become_marked()

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 64)
        time.sleep(20)
    os._exit(0)
os.wait()
print(2 * int(input()))
