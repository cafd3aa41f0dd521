import os

os.system("sleep 20 & echo @MARK@ > @FOLDER@/mark")
print(2 * int(input()))
