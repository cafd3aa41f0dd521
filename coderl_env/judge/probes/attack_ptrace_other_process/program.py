import ctypes

attached = ctypes.CDLL(None).ptrace(ctypes.c_long(16), ctypes.c_long(@PID@), 0, 0) == 0
if attached:
    import os
    os.waitpid(@PID@, 0x40000000)
    ctypes.CDLL(None).ptrace(ctypes.c_long(17), ctypes.c_long(@PID@), 0, 0)
print("attached" if attached else "refused")
