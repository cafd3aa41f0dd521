import sys

input = sys.stdin.buffer.readline
print(2 * int(input()))
