class Late:
    def __init__(self, n):
        self.n = n

    def __del__(self):
        print(2 * self.n)


late = Late(int(input()))
