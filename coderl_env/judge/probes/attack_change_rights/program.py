import os

os.chmod('@FOLDER@/precious', 0)
print(2 * int(input()))
