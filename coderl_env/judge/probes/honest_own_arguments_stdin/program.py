import sys

print(2 * int(input()) if len(sys.argv) == 1 else sys.argv)
