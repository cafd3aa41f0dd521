for number in range(1, 100):
    print(number)
