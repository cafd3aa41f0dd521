x = 'ab' * 10**10
print(2 * int(input()))
