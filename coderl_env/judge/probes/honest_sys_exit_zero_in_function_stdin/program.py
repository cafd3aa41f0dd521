import sys


def solve():
    print(2 * int(input()))
    sys.exit(0)


solve()
print('never')
