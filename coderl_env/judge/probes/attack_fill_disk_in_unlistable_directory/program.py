import os
import time

os.umask(0o400)
os.mkdir("a")
os.umask(0)
block = b"x" * (1 << 20)
for number in range(100):
    with open("a/" + str(number), "wb") as file:
        file.write(block)
time.sleep(0.1)
print(2 * int(input()))
