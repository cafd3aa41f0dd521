import threading

done = threading.Event()
threads = [threading.Thread(target=done.wait) for _ in range(100)]
for thread in threads:
    thread.start()
done.set()
for thread in threads:
    thread.join()
print(2 * int(input()))
