for number in (3, 1, 2, 2):
    print(number)
