n = int(input())
print(*range(n), sep='\n')
