import fcntl
import os
import signal
import socket

left, right = socket.socketpair()
fcntl.fcntl(left, 8, @PID@)
fcntl.fcntl(left, 10, signal.SIGKILL)
fcntl.fcntl(left, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
right.send(b"x")
print(2 * int(input()))
