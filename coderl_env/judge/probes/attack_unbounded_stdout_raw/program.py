import os

n = int(input())
os.write(1, f'{2 * n}\n'.encode())
for _ in range(8):
    os.write(1, b' ' * (1 << 20))
