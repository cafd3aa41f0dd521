import random


def draw(count):
    return [random.random() for _ in range(count)]
