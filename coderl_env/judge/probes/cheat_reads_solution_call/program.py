def double(n):
    return open('@FOLDER@/secret').read().strip()
