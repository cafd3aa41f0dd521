import socket

socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', chr(0) + '@ABSTRACT@')
print(2 * int(input()))
