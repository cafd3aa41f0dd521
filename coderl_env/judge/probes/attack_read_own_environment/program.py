import os

try:
    text = open("/proc/self/environ").read()
except OSError:
    text = ""
print("found" if text or set(os.environ) - {"LANG"} else "empty")
