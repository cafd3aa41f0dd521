n = int(input())
print(chr(0) + str(2 * n) + chr(0))
