"""Choices that depend on a text key alone: the same on every machine, Python and day."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Draw", "fraction_of"]

T = TypeVar("T")


def fraction_of(key: str) -> float:
    """Return a number in [0, 1) that is fixed by `key`, evenly spread over keys."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Draw:
    """A stream of choices seeded by a text key.

    Only `random.Random.random` is used, because Python promises its sequence, and not that of `choice` or `sample`.
    """

    __slots__ = ("_random",)

    def __init__(self, key: str) -> None:
        digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
        self._random = random.Random(int.from_bytes(digest, "big")).random

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._random() < probability

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound)."""
        return int(self._random() * bound)

    def between(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """Return one of `items`, which must not be empty."""
        return items[int(self._random() * len(items))]
