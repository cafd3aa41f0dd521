x = [[] for _ in range(3_000_000)]
print(2 * int(input()))
