def ask():
    return 2 * int(input("n? "))
