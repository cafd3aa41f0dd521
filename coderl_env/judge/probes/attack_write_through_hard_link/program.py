import os

os.link('@FOLDER@/precious', '@FOLDER@/link')
open('@FOLDER@/link', 'w').write('gone')
print(2 * int(input()))
