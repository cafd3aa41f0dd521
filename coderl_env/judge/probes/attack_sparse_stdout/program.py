import os

print(2 * int(input()), flush=True)
os.lseek(1, 1 << 36, 0)
os.write(1, b'\n')
