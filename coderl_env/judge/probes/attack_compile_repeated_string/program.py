x = 'ab' * 10**8
print(2 * int(input()))
