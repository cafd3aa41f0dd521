import os

os.symlink('@FOLDER@/precious', 'link')
open('link', 'w').write('gone')
print(2 * int(input()))
