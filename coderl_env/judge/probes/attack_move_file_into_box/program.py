import os

os.rename('@FOLDER@/precious', 'stolen')
print(2 * int(input()))
