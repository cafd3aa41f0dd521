import socket

socket.create_connection(('127.0.0.1', @TCP_PORT@), timeout=1).send(b'x')
print(2 * int(input()))
