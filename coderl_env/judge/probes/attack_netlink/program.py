import socket

print('asked' if socket.if_nameindex() else 'none')
