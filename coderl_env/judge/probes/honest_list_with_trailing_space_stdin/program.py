for number in range(int(input())):
    print(number, end=' ')
print()
