import ctypes
import os
import time


def become_marked():
    ctypes.CDLL(None).prctl(15, b"@MARK@", 0, 0, 0)


become_marked()

import struct

arguments = struct.pack("11Q", 0x10000000 | 0x20000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
pid = ctypes.CDLL(None).syscall(ctypes.c_long(435), arguments, ctypes.c_size_t(len(arguments)))
if pid == 0:
    time.sleep(20)
    os._exit(0)
print("made" if pid > 0 else "refused")
