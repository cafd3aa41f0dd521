import os

number = len(open("count").read()) if os.path.exists("count") else 0
print(number + 1)
open("count", "a").write("x")
