import os

file = open(f'/proc/{os.getppid()}/mem', 'rb', buffering=0)
file.seek(id(object))
file.read(8)
print('read')
