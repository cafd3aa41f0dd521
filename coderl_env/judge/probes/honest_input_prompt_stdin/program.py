n = int(input('n? '))
print(2 * n)
