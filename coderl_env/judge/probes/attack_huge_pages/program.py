import mmap

try:
    mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
except PermissionError:
    raise
except OSError:
    pass  # the machine has none
print(2 * int(input()))
