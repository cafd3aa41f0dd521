7 ** 3_000_000
print(2 * int(input()))
