import mmap

reserved = mmap.mmap(-1, 600 << 20)
print(2 * int(input()))
