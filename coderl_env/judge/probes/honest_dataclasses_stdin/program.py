from __future__ import annotations

import dataclasses


@dataclasses.dataclass(order=True)
class Pair:
    a: int
    b: list[int] = dataclasses.field(default_factory=list)


print(2 * max(Pair(1), Pair(int(input()))).a)
