import numpy as np


def double(numbers):
    return np.array(numbers) * 2
