import os

os.utime('@FOLDER@/precious', (1, 1))
print(2 * int(input()))
