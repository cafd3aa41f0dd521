import sys


def double(n):
    return 2 * n


if __name__ == '__main__':
    sys.exit(double(int(input())))
