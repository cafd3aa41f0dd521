import time

time.sleep(0.1)
print(2 * int(input()))
