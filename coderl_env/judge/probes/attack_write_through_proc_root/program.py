open('/proc/self/root@FOLDER@/precious', 'w').write('gone')
print(2 * int(input()))
