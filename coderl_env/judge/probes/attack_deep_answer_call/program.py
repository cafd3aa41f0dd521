import os
import struct


def double(n):
    text = b'{"value": ' + b'[' * 100000 + b']' * 100000 + b'}'
    os.write(3, struct.pack('!II', len(text), 0) + text)
    return 2 * n
