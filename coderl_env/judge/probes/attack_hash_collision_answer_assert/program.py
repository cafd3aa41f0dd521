import json
import os
import struct


def send(header, body=b""):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), len(body)) + text + body)


def double(n):
    step = (1 << 61) - 1
    send({'value': {'s': [{'i': hex(step * place + 1)} for place in range(30000)]}, 'args': [n]})
    return 2 * n
