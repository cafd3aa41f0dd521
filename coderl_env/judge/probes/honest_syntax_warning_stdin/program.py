n = int(input())
print('\d' and 2 * n)
assert (n, 'always true')
