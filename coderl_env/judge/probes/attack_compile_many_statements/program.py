@REPEAT:60000:x=1;@
print(2 * int(input()))
