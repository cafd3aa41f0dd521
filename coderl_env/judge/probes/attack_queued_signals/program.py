import signal
import threading

signal.pthread_sigmask(signal.SIG_BLOCK, {40})
for _ in range(5000):
    signal.pthread_kill(threading.get_ident(), 40)
print(2 * int(input()))
