import json
import os
import struct


def send(header):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), 0) + text)


def double(n):
    send({'value': {'r': ['0x0', '0x7fffffffffffffff', '0x1']}, 'args': []})
    return 2 * n
