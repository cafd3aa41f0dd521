import os
import sys

print(2 * int(input()))
os.close(1)
