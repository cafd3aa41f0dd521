x = 1
x@REPEAT:100000:.x@
