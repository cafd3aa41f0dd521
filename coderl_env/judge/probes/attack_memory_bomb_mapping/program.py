import mmap

x = mmap.mmap(-1, 200 << 20)
for place in range(0, len(x), 4096):
    x[place] = 1
print(2 * int(input()))
