import ctypes

print('undone' if ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0 else 'refused')
