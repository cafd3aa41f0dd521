import socket

left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
left.sendto(b'x', chr(0) + '@ABSTRACT@')
print(2 * int(input()))
