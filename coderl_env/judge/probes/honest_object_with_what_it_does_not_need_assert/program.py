class Dice:
    eyes: int


def play(dice):
    return dice.eyes
