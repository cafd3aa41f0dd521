import os

open(os.path.relpath('@FOLDER@/precious'), 'w').write('gone')
print(2 * int(input()))
