import os

os.sched_setaffinity(@PID@, {min(os.sched_getaffinity(0))})
print(2 * int(input()))
