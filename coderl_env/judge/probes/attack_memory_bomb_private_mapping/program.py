import mmap

x = mmap.mmap(-1, 200 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for place in range(0, len(x), 4096):
    x[place] = 1
print(2 * int(input()))
