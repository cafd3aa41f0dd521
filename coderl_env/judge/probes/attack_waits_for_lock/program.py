import threading

lock = threading.Lock()
lock.acquire()
lock.acquire(timeout=0.8)
print(2 * int(input()))
