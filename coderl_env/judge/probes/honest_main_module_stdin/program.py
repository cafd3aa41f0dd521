import __main__

value = 2
print(__main__.value * int(input()))
