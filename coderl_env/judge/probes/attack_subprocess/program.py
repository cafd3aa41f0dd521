import subprocess
import sys

n = int(input())
print(subprocess.run([sys.executable, "-c", f"print(2 * {n})"], capture_output=True, text=True).stdout.strip())
