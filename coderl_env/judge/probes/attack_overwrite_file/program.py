open('@FOLDER@/precious', 'w').write('gone')
print(2 * int(input()))
