import ctypes
import os

number = 298 if os.uname().machine == "x86_64" else 241
result = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.create_string_buffer(b'\x01\0\0\0\x80\0\0\0', 128), 0, -1, -1, 0)
print("opened" if result >= 0 else "refused")
