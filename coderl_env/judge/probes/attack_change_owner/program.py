import os

os.chown('@FOLDER@/precious', 12345, 12345)
print(2 * int(input()))
