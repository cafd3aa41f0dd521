class Doubled:
    values = {}

    def __init__(self, n):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True
