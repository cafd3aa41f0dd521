for number in range(int(input())):
    print(number % 10)
