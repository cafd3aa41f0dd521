n = int(input())
words = input().split()
print(n, *words)
