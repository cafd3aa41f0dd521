import numpy as np


def double(n):
    return np.int64(n) * 2
