import ctypes
import os
import time


def become_marked():
    ctypes.CDLL(None).prctl(15, b"@MARK@", 0, 0, 0)


become_marked()

libc = ctypes.CDLL(None, use_errno=True)
pid = libc.syscall(ctypes.c_long(56 if os.uname().machine == "x86_64" else 220), ctypes.c_long(17), 0, 0, 0, 0)
if pid == 0:
    time.sleep(20)
    os._exit(0)
if pid < 0:
    raise PermissionError(ctypes.get_errno(), "clone")
print(2 * int(input()))
