class HelperFailure(Exception):
    pass


class _Abandoned(BaseException):
    pass


def double(n):
    raise (_Abandoned if n == 3 else HelperFailure)
