import sys
import threading

sys.setrecursionlimit(1 << 25)
threading.stack_size(1 << 28)


def main():
    print(2 * int(input()))


thread = threading.Thread(target=main)
thread.start()
