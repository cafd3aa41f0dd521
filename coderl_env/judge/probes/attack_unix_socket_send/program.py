import socket

socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', '@FOLDER@/socket')
print(2 * int(input()))
