import sys

sys.stdout.buffer.write(b'%d\n' % (2 * int(input())))
