import os

with os.fdopen(0) as file:
    print(2 * int(file.readline()))
