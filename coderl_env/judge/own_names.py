"""What a test has names for: functions and classes of the program, and classes of its own.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coderl_env.judge.objects import Name
from coderl_env.judge.raised import RaisedByProgram
from coderl_env.judge.values import Handle

__all__ = ["OwnNames"]


class OwnNames:
    """The names of one test.

    Args:
        asked: those that the program is expected to define.
        namespace: all of the test's.
        request: sends a request to the program and returns the value.
    """

    def __init__(self, asked: Iterable[str], namespace: Mapping[str, Any], request: Callable[..., Any]) -> None:
        self._asked = asked
        self._namespace = namespace
        self._request = request
        # Of what the program has under them, by its numbers; once one of them was wanted.
        self._by_number: dict[int, Name] | None = None

    def of_number(self, number: int) -> Name | None:
        """Return the test's name for the program's object of this number, if it has one."""
        if self._by_number is None:
            self._by_number = {}
            for name in sorted(self._asked):
                known, value = self._namespace.get(name), self._value_of(name)
                if type(known) is Name and type(value) is Handle:
                    self._by_number[value.number] = known
        return self._by_number.get(number)

    def class_named(self, name: str) -> type | None:
        """Return the class that the test itself defines under a name, or None."""
        found = self._namespace.get(name)
        return found if isinstance(found, type) and found.__module__ == self._namespace["__name__"] else None

    def _value_of(self, name: str) -> Any:
        """Return what the program has under a name; None if there is nothing."""
        try:
            return self._request(op="value", target=name)
        except Exception as error:
            if not isinstance(error, RaisedByProgram):
                raise
            return None
