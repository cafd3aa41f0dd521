import os

for name in (b"\xff\xfe", b"new\nline", b"-rf", b"\x01\x02", "\u202e".encode()):
    os.mkdir(name)
    open(name + b"/" + name, "w").close()
print(2 * int(input()))
