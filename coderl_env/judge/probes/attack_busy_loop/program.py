import time

began = time.process_time()
while time.process_time() - began < 1.0:
    pass
print(2 * int(input()))
