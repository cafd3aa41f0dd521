import os

os.rename('@FOLDER@/precious', '@FOLDER@/stolen')
print(2 * int(input()))
