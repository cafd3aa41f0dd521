import os

print(2 * int(os.read(0, 100)))
