import ctypes
import os

# The x32 variant of fork; elsewhere there is none, and fork itself is tried.
number = 0x40000000 + 57 if os.uname().machine == "x86_64" else 220
pid = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), ctypes.c_long(17), 0, 0, 0, 0)
if pid == 0:
    os._exit(0)
print("called" if pid > 0 or ctypes.get_errno() != 1 else "refused")
