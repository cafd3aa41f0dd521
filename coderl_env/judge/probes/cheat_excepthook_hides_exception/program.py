import sys

sys.excepthook = lambda *args: None
print(2 * int(input()))
raise RuntimeError
