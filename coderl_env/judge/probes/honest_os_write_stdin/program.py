import os

os.write(1, f'{2 * int(input())}\n'.encode())
