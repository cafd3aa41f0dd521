import os

os.mkdir('@FOLDER@/new')
print(2 * int(input()))
