import os

os.kill(@PID@, 9)
print(2 * int(input()))
