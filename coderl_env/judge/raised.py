"""Exceptions that cross between a test and the program, each of the builtin class and of those that the test names.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import Any

from coderl_env.judge import values

__all__ = ["Exceptions", "RaisedByProgram", "UndecidableError"]


class UndecidableError(TypeError):
    """The test asks the program's own object for what only builtin values may decide."""


class RaisedByProgram:
    """Marks the exceptions that came from the program's process."""


class Exceptions:
    """The program's exceptions, as one test sees them.

    Args:
        names: classes of the program that the test catches.
        attribute: returns an attribute of the program's object of a number.
    """

    def __init__(self, names: Iterable[str], attribute: Callable[[int, str], Any]) -> None:
        self.classes = {name: type(name, (Exception,), {"__module__": "test"}) for name in names}
        self._attribute = attribute

    def received(self, error: dict[str, Any], *, may_stop: bool) -> BaseException:
        """Return what the test catches where the program raised `error`; `may_stop` if that may end an iteration."""
        # They would end a loop of the test's own, silently; Python makes them this inside a generator.
        stops = error["base"] in ("StopIteration", "StopAsyncIteration") and not may_stop
        found = getattr(builtins, "RuntimeError" if stops else error["base"], None)
        kind: type[Exception] = Exception
        if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, BaseExceptionGroup):
            kind = found
        own = [self.classes[name] for name in error["kinds"] if name in self.classes]
        number = error["number"]
        members: dict[str, Any] = {"__str__": lambda self: str(error["message"]), "program_number": number}
        if number is not None:
            attribute = self._attribute
            members["__getattr__"] = lambda self, name: attribute(number, name)
            members["args"] = property(lambda self: attribute(number, "args"))
        # Made without its constructor: some, such as UnicodeDecodeError, want more than a message.
        marked: Any = type(error["type"].rpartition(".")[2] or kind.__name__, (*own, kind, RaisedByProgram), members)
        exception: BaseException = marked.__new__(marked)
        return exception

    def sent(self, error: BaseException) -> dict[str, Any]:
        """Return what the program's process makes its own exception of."""
        name = type(error).__name__
        return {
            "number": getattr(error, "program_number", None) if isinstance(error, RaisedByProgram) else None,
            "name": name if self.classes.get(name) is type(error) else None,
            "base": _base_of(error),
            "args": values.encode_value(_arguments_of(error), str),
        }


def _base_of(error: BaseException) -> str:
    """Return the name of the builtin exception that another one is a kind of."""
    for kind in type(error).__mro__:
        if getattr(builtins, kind.__name__, None) is kind and not issubclass(kind, BaseExceptionGroup):
            return str(kind.__name__)
    return "Exception"


def _arguments_of(error: BaseException) -> list[Any]:
    """Return the arguments of an exception where they are text and numbers, and its message where not."""
    if isinstance(error, RaisedByProgram):
        return [str(error)]
    if all(type(value) in (str, int, float, bool, type(None)) for value in error.args):
        return list(error.args)
    try:
        return [str(error)]
    except Exception:  # noqa: BLE001 - a test's own exception
        return []
