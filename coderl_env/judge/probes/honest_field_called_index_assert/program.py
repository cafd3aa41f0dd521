from typing import NamedTuple


class Hit(NamedTuple):
    index: int
    value: int


def find_max(items):
    place = max(range(len(items)), key=items.__getitem__)
    return Hit(place, items[place])
