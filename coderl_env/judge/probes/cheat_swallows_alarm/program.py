import time

began = time.process_time()
while time.process_time() - began < 0.6:
    try:
        while time.process_time() - began < 0.6:
            pass
    except BaseException:
        pass
print(2 * int(input()))
