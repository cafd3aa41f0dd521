"""Containers that a test and the program both hold: lists, dicts and the like, the same for both, whoever changes them.

Each has a number, and travels as that. With every message goes the content of those that are new or were changed since
the message before. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import collections
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

from coderl_env.judge import values
from coderl_env.judge.rebuilding import copy_back
from coderl_env.judge.wire import WireError

__all__ = ["Shared"]

# All are looked at before every message; what is beyond travels by its content alone.
_MOST_SENT = 5_000
_MOST_RECEIVED = 20_000
# References to a container that is held nowhere but here, while they are counted.
_OWN_REFERENCES = 2


class Shared:
    """One side's containers.

    Args:
        opaque: as in `values.Encoder`.
        resolve: makes a decoded value this side's own.
        step: 1 or -1; numbers that this side gives have its sign.
    """

    def __init__(self, opaque: Callable[[Any], Any], resolve: Callable[[Any], Any], step: int) -> None:
        self._encoder = values.Encoder(opaque, self._number_of)
        self._resolve = resolve
        self._step = step
        self._last = 0
        # By number: the container, and a copy of its content as the other side knows it; None where it does not.
        self._entries: dict[int, list[Any]] = {}
        self._numbers: dict[int, int] = {}
        self._unsent: list[int] = []

    def encode(self, value: Any, *, as_plain: bool = False) -> Any:
        """Return a value as tagged JSON, its containers as their numbers; `as_plain` spares the value itself."""
        return self._encoder.encode(value, as_plain=as_plain)

    def container(self, number: int) -> Any:
        """Return the container of a number.

        Raises:
            WireError: there is none.
        """
        if number not in self._entries:
            raise WireError("there is no shared container of this number")
        return self._entries[number][0]

    def changes(self) -> list[Any]:
        """Return number and content of what the other side does not know; to be called when all else is encoded."""
        found = []
        self._unsent += [
            number
            for number, (container, known) in self._entries.items()
            if known is not None and not _is_same(container, known)
        ]
        while self._unsent:
            number = self._unsent.pop()
            entry = self._entries[number]
            try:
                found.append([number, self._encoder.encode(entry[0], as_plain=True)])
            except BaseException:
                self._unsent.append(number)
                raise
            entry[1] = _copied(entry[0])
        return found

    def receive(self, changes: Sequence[Any]) -> None:
        """Take over what the other side has sent of its changes.

        Raises:
            WireError: it is not of that form.
        """
        decoded = [(number, values.decode_value(content)) for number, content in changes]
        # All of them are there before any is filled: they may hold each other.
        for number, content in decoded:
            if number not in self._entries:
                self._add(number, content)
        for number, content in decoded:
            entry = self._entries[number]
            if type(entry[0]) is not type(content):
                raise WireError("a shared container became one of another kind")
            copy_back(entry[0], self._resolve(content))
            entry[1] = _copied(entry[0])

    def forget(self, numbers: Sequence[int]) -> None:
        """Share these no longer: the other side has let go of them."""
        for number in numbers:
            container = self._entries.pop(number)[0]
            del self._numbers[id(container)]

    def forget_unused(self) -> list[int]:
        """Share no longer what nothing on this side refers to; return the numbers."""
        unused = [
            number
            for number, entry in self._entries.items()
            if sys.getrefcount(entry[0]) == _OWN_REFERENCES and entry[1] is not None and _is_same(*entry)
        ]
        self.forget(unused)
        return unused

    def _number_of(self, container: Any) -> int | None:
        number = self._numbers.get(id(container))
        if number is None and len(self._entries) < _MOST_SENT:
            self._last += self._step
            number = self._last
            self._entries[number] = [container, None]
            self._numbers[id(container)] = number
            self._unsent.append(number)
        return number

    def _add(self, number: int, content: Any) -> None:
        kind = type(content)
        if kind not in values.CHANGEABLE or number * self._step >= 0 or len(self._entries) >= _MOST_RECEIVED:
            raise WireError("a shared container is none")
        container: Any = kind()
        if kind is collections.deque:
            container = collections.deque(maxlen=content.maxlen)
        self._entries[number] = [container, None]
        self._numbers[id(container)] = number


def _copied(container: Any) -> Any:
    if isinstance(container, dict):
        return dict(container)
    return set(container) if isinstance(container, set) else list(container)


def _is_same(container: Any, known: Any) -> bool:
    """Whether a container holds the very objects that it held, without asking any of them."""
    if len(container) != len(known):
        return False
    if isinstance(container, set):
        return set(map(id, container)) == set(map(id, known))
    if isinstance(container, dict) and not all(map(operator.is_, container.values(), known.values())):
        return False
    return all(map(operator.is_, container, known))
