class Bomb:
    def __reduce__(self):
        return (exec, ("open('@FOLDER@/precious', 'w').write('gone')",))


def double(n):
    return Bomb()
