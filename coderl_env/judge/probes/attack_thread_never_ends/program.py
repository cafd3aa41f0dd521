import threading
import time

print(2 * int(input()), flush=True)
threading.Thread(target=time.sleep, args=(1.5,)).start()
