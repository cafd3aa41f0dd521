import json
import os
import struct


def send(header, body=b""):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), len(body)) + text + body)


def double(n):
    for _ in range(100000):
        send({'value': n})
    return 2 * n
