print(2 * int(input()))@CHAR:0000@
