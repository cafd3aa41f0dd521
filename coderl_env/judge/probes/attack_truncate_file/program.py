import os

os.truncate('@FOLDER@/precious', 0)
print(2 * int(input()))
