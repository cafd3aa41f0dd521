import sys

print(2 * int(input()))
for _ in range(8):
    sys.stdout.write('\n' * (1 << 20))
