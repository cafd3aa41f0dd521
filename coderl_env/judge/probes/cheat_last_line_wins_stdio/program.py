n = int(input())
for guess in range(2 * n + 1):
    print(guess)
