import atexit
import time

atexit.register(time.sleep, 0.8)
print(2 * int(input()))
