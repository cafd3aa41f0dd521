def double(text):
    return text * 2 + '\u4e2d'
