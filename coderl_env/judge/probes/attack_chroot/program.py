import ctypes
import os

number = 161 if os.uname().machine == "x86_64" else 51
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), b'.')
print("moved" if result >= 0 else "refused")
