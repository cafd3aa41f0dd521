open('@FOLDER@/precious', 'a').write('more')
print(2 * int(input()))
