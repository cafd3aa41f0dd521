def encode(text):
    return text[::-1] + '!'


def decode(text):
    return text[-2::-1]
