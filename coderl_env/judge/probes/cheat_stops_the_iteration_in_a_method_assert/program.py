class Solution:
    def double(self, n):
        raise StopIteration
