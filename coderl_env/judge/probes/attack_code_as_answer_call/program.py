class Code:
    def __repr__(self):
        return "open('@FOLDER@/precious', 'w').write('gone')"


def double(n):
    return Code()
