import ctypes


def double(n):
    ctypes.string_at(0)
