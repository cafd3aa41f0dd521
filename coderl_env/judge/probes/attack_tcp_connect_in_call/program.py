import socket


def double(n):
    socket.create_connection(('127.0.0.1', @TCP_PORT@), timeout=1).send(b'x')
    return 2 * n
