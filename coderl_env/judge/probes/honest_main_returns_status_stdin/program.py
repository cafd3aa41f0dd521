import sys


def main() -> int:
    print(2 * int(input()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
