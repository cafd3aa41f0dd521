import time

time.sleep(0.8)
print(2 * int(input()))
