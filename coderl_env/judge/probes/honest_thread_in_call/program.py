import threading


def double(n):
    found = []
    thread = threading.Thread(target=lambda: found.append(2 * n))
    thread.start()
    thread.join()
    return found[0]
