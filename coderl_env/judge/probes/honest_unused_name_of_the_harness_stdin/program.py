results = compare = expected = check = None


def main():
    print(2 * int(input()))


main()
