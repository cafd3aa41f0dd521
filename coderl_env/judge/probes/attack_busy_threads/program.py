import threading
import time


def spin():
    began = time.monotonic()
    while time.thread_time() < 0.3 and time.monotonic() - began < 5:
        pass


threads = [threading.Thread(target=spin) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(2 * int(input()))
