import os


class Late:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        os.write(1, f"{2 * self.n}\n".encode())


kept = Late(int(input()))
print("wrong", flush=True)
del kept
