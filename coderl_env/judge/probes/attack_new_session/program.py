import ctypes
import os

number = 112 if os.uname().machine == "x86_64" else 157
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), 0)
print("left" if result >= 0 else "refused")
