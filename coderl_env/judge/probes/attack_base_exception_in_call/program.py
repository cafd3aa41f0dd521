class Quiet(BaseException):
    pass


def double(n):
    raise Quiet
