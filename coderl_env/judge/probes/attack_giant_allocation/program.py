import mmap

never_touched = 0x4000
x = mmap.mmap(-1, 16 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | never_touched)
print(2 * int(input()))
