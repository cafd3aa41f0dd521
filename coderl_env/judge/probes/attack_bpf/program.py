import ctypes
import os

number = 321 if os.uname().machine == "x86_64" else 280
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(0), ctypes.create_string_buffer(b'\x02\0\0\0\x04\0\0\0\x08\0\0\0\x01', 72), ctypes.c_long(72))
print("made" if result >= 0 else "refused")
