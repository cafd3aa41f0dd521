from multiprocessing import shared_memory

shared_memory.SharedMemory("@MARK@", create=True, size=4096)
print(2 * int(input()))
