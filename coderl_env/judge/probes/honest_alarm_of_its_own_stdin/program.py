import signal
import time


def ring(*args):
    raise TimeoutError


signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.02)
try:
    time.sleep(2)
except TimeoutError:
    print(2 * int(input()))
