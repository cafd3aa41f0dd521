import os

os.umask(0o777)
os.makedirs("a")
os.mkdir("b")
open("c", "w").close()
print(2 * int(input()))
