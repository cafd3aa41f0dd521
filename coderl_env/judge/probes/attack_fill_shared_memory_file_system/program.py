open('/dev/shm/@MARK@', 'w').write('x' * 4096)
print(2 * int(input()))
