import json
import os
import struct


def send(header, body=b""):
    text = json.dumps(header).encode()
    os.write(3, struct.pack("!II", len(text), len(body)) + text + body)


def double(n):
    send({'value': {'no such tag': {'i': 'zz', 'd': [1]}}})
    return 2 * n
