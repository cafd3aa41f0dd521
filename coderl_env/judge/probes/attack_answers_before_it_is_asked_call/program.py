import json
import os
import struct


def send(header, body=b""):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), len(body)) + text + body)


send({'loaded': True})
for _ in range(5):
    send({'value': 0})


def double(n):
    return 2 * n
