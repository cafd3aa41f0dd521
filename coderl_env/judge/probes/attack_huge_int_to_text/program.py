import sys

sys.set_int_max_str_digits(0)
str(1 << 900_000)
print(2 * int(input()))
