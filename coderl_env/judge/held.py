"""Containers that a test got as attributes of the program's objects: what the test does to them is done to those, too.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coderl_env.judge.rebuilding import copy_back

__all__ = ["Held"]

# Each is looked at before every request.
_MOST_CONTAINERS = 100


class Held:
    """The containers of one test.

    Args:
        encode: makes a value ready to send.
        request: sends a request to the program and returns the value.
    """

    def __init__(self, encode: Callable[[Any], Any], request: Callable[..., Any]) -> None:
        self._encode = encode
        self._request = request
        # By the number of the program's container: the test's, and what it held when they were last the same.
        self._containers: dict[int, tuple[Any, Any]] = {}

    def keep(self, number: int, content: Any) -> Any:
        """Return the test's container of a number, now with this content."""
        mine = self._containers.pop(number, (content, None))[0]
        if type(mine) is not type(content):
            mine = content
        if mine is not content:
            copy_back(mine, content)
        if len(self._containers) >= _MOST_CONTAINERS:
            del self._containers[next(iter(self._containers))]
        self._containers[number] = mine, self._encode(mine)
        return mine

    def send_changes(self) -> None:
        """Give the program what the test has changed since."""
        for number, (mine, before) in list(self._containers.items()):
            now = self._encode(mine)
            if now != before:
                self._containers[number] = mine, now
                self._request(op="content", target=number, value=now)
