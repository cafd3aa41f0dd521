def double(n):
    return "open('@FOLDER@/precious', 'w').write('gone')"
