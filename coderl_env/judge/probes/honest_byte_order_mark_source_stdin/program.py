@CHAR:feff@print(2 * int(input()))
