import atexit
import time

atexit.register(time.sleep, 1.5)
print(2 * int(input()))
