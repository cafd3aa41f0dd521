import threading
import time

n = int(input())


def late():
    time.sleep(0.05)
    print(2 * n, flush=True)


print("wrong", flush=True)
threading.Thread(target=late).start()
