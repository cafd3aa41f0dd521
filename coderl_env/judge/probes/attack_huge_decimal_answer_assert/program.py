import decimal


def double(n):
    return decimal.Decimal('1e99999999')
