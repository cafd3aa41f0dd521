import os

os.mkfifo('@FOLDER@/fifo')
print(2 * int(input()))
