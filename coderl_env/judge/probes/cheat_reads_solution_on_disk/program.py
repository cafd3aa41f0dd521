print(open('@FOLDER@/secret').read(), end='')
