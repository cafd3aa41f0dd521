data = bytearray(100 << 20)
for place in range(0, len(data), 4096):
    data[place] = 1
print(2 * int(input()))
