import ctypes
import os

number = 250 if os.uname().machine == "x86_64" else 219
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(0), ctypes.c_long(-3), ctypes.c_long(1))
print("opened" if result >= 0 else "refused")
