import sys

for _ in range(8):
    sys.stderr.write('x' * (1 << 20) + '\n')
print(2 * int(input()))
