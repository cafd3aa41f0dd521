from __future__ import annotations


def twice(n: Unknown) -> Unknown:
    return 2 * n


print(twice(int(input())))
