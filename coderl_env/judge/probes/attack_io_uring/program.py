import ctypes
import os

number = 425 if os.uname().machine == "x86_64" else 425
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(4), ctypes.create_string_buffer(120))
print("made" if result >= 0 else "refused")
