n = int(input())
from math import *

print(2 * floor(n + 0.5))
