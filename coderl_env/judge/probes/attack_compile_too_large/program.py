#@REPEAT:1100000:x@
print(2 * int(input()))
