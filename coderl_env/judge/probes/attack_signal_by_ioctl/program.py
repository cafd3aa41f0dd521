import fcntl
import os
import signal
import socket
import struct

left, right = socket.socketpair()
fcntl.ioctl(left, 0x8901, struct.pack("i", @PID@))
fcntl.fcntl(left, 10, signal.SIGKILL)
fcntl.fcntl(left, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
right.send(b"x")
print(2 * int(input()))
