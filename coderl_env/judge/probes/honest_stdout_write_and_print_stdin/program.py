import sys

print('a')
sys.stdout.flush()
sys.stdout.buffer.write(b'b\n')
sys.stdout.buffer.flush()
print('c')
