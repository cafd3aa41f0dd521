import subprocess

n = int(input())
try:
    n = int(subprocess.run(['echo', str(n)], capture_output=True, text=True).stdout)
except OSError:
    pass
print(2 * n)
