import os

os.umask(0o400)
os.mkdir("a")
open("a/file", "w").close()
os.umask(0o777)
os.mkdir("b")
print(2 * int(input()))
