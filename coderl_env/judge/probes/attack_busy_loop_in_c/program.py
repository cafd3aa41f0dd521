import itertools

sum(itertools.repeat(1, 100_000_000))
print(2 * int(input()))
