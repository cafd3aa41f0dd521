try:
    x = bytearray(8 << 30)
except MemoryError:
    raise
print(2 * int(input()))
