import os

os.unlink('@FOLDER@/precious')
print(2 * int(input()))
