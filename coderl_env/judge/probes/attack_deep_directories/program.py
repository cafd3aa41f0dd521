import os

for _ in range(60):
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
print(2 * int(input()))
