import sys

print(sys.stdin.read().count(chr(0)))
