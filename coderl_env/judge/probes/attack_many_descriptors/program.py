import os

kept = [os.dup(0) for _ in range(300)]
print("open")
