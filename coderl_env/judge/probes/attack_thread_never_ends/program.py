import threading
import time

print(2 * int(input()), flush=True)
threading.Thread(target=time.sleep, args=(0.8,)).start()
