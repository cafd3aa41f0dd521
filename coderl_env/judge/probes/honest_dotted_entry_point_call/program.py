class Solution:
    def __init__(self):
        self.factor = 2

    def double(self, n):
        return self.factor * n
