# coding: raw_unicode_escape
#\u000aopen('@FOLDER@/precious', 'w').write('gone')
print(2 * int(input()))
