import pickle


class Box:
    def __init__(self, n):
        self.n = n


print(2 * pickle.loads(pickle.dumps(Box(int(input())))).n)
