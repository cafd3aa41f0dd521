import os

try:
    text = open("/proc/self/environ").read()
except OSError:
    text = ""
print("found" if text or os.environ else "empty")
