match int(input()):
    case 3:
        print(6)
    case n if (twice := 2 * n):
        print(f'{twice}')
