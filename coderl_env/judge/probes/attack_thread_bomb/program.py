import threading
import time

threading.stack_size(1 << 16)
done = threading.Event()
for _ in range(300):
    threading.Thread(target=done.wait, args=(1.0,)).start()
time.sleep(0.3)
done.set()
print(2 * int(input()))
