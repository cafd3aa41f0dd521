import time

began = time.process_time()
while time.process_time() - began < 0.5:
    pass
print(2 * int(input()))
