from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 30
n = int(input())
print(Decimal(n) / 7, Fraction(n, 6))
