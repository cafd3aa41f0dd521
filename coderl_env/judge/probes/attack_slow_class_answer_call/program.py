import time


class Slow(dict):
    def items(self):
        time.sleep(30)

    keys = __iter__ = __len__ = items

    def __getattribute__(self, name):
        time.sleep(30)


def double(n):
    return Slow()
