import threading

lock = threading.Lock()
lock.acquire()
lock.acquire(timeout=1.5)
print(2 * int(input()))
