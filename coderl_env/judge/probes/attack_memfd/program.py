import ctypes
import os

number = 319 if os.uname().machine == "x86_64" else 279
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), b'x', ctypes.c_long(0))
print("made" if result >= 0 else "refused")
