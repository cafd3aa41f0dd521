import time

began = time.process_time()
while time.process_time() - began < 1.0:
    try:
        while time.process_time() - began < 1.0:
            pass
    except BaseException:
        pass
print(2 * int(input()))
