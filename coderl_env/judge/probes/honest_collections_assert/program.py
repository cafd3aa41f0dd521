from collections import Counter, deque


def double(value):
    if isinstance(value, range):
        return range(2 * value.start, 2 * value.stop, 2 * value.step)
    if isinstance(value, Counter):
        return Counter({key: 2 * count for key, count in value.most_common()})
    value.rotate(-1)
    value.rotate(1)
    return deque((2 * n for n in value), value.maxlen)
