import os

name = os.path.join(os.path.dirname(os.getcwd()), "count")
number = len(open(name).read()) if os.path.exists(name) else 0
open(name, "a").write("x")
print(number + 1)
