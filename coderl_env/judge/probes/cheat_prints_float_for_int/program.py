print(2.0 * int(input()))
