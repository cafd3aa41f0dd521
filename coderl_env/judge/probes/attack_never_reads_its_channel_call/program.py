import json
import os
import socket
import struct
import time

text = json.dumps({"loaded": True}).encode()
channel = socket.socket(fileno=os.dup(3))
channel.sendall(struct.pack("!II", len(text), 0) + text)
time.sleep(1000)
