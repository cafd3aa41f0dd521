import signal
import time

for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
began = time.process_time()
while time.process_time() - began < 0.6:
    pass
print(2 * int(input()))
