import sys

a = int(input())
b = int(sys.stdin.readline())
rest = [int(line) for line in sys.stdin]
print(a + b + sum(rest))
