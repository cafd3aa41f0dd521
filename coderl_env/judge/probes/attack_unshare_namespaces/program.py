import ctypes
import os

number = 272 if os.uname().machine == "x86_64" else 97
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(0x10000000 | 0x00020000))
print("moved" if result >= 0 else "refused")
