import numpy as np


def double(n):
    return np.longdouble(2) * n, np.array([2 * n], dtype=np.longdouble)[0]
