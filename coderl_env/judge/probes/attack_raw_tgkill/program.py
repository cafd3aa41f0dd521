import ctypes
import os

number = 234 if os.uname().machine == "x86_64" else 131
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(@PID@), ctypes.c_long(@PID@), ctypes.c_long(9))
print("killed" if result == 0 else "refused")
