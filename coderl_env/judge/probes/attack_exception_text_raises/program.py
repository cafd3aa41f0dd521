class Bad(Exception):
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


raise Bad
