import ctypes

ctypes.CDLL(None).shmget(@KEY@, 4096, 0o1666)
print(2 * int(input()))
