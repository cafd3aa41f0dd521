import ctypes
import os

number = 323 if os.uname().machine == "x86_64" else 282
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(1))
print("made" if result >= 0 else "refused")
