import json
import os
import struct


def send(header):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), 0) + text)


def double(n):
    send({'value': {'x': ['named', ['os', '_exit']]}, 'args': []})
    return 2 * n
