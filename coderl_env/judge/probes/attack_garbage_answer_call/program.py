import os


def double(n):
    os.write(3, b'\x00\x00\x00\x05hello' * 100)
    return 2 * n
