import mmap
import os

file = os.open('@FOLDER@/precious', os.O_RDWR)
mmap.mmap(file, 8)[:4] = b'gone'
print(2 * int(input()))
