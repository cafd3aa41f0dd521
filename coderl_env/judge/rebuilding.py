"""What a program gets for the arguments that only a test sends: iterators, arrays, functions; in the program's process.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["Functions", "copy_back", "error_of", "named", "rebuild"]


class Functions:
    """Functions of tests, as the program can call them.

    Args:
        call: has the test call its function of this number with these arguments, and returns the result.

    Attributes:
        allowed: whether the test waits for the program, and so may be asked.
    """

    def __init__(self, call: Callable[[int, tuple[Any, ...], dict[str, Any]], Any]) -> None:
        self.allowed = False
        self._call = call
        # Threads of the program take turns; within one, the test may call the program, and the program the test.
        self._turn = threading.RLock()

    def make(self, number: int, name: str, parameters: tuple[str, ...] | None) -> Callable[..., Any]:
        """Return a function that has the test call its own; of these parameters, where they are known."""

        def function(*args: Any, **keywords: Any) -> Any:
            with self._turn:
                if not self.allowed:
                    raise RuntimeError("a function of a test can be called only while the test waits for the program")
                return self._call(number, args, keywords)

        made: Callable[..., Any] = function
        if parameters is not None:
            # Programs count them, say to curry a function.
            listed = ", ".join(parameters)
            made = eval(f"lambda {listed}: _call_of_the_test({listed})", {"_call_of_the_test": function})
        made.__name__ = made.__qualname__ = name
        return made


def rebuild(kind: str, content: Any, functions: Functions) -> Any:
    """Return what an argument stands for."""
    return _KINDS[kind](functions, *content)


def _array(functions: Functions, dtype: str, shape: tuple[int, ...] | None, data: bytes) -> Any:
    import numpy

    array: Any = numpy.ndarray(shape or (), dtype, bytearray(data)).copy()
    return array[()] if shape is None else array


def _iterator(functions: Functions, items: Sequence[Any], rest: Callable[[], Sequence[Any]] | None) -> Iterator[Any]:
    return iter(items) if rest is None else _chain(items, rest)


def _chain(items: Sequence[Any], rest: Callable[[], Sequence[Any]]) -> Iterator[Any]:
    while items:
        yield from items
        items = rest()


_KINDS: dict[str, Callable[..., Any]] = {
    "array": _array,
    "function": Functions.make,
    "iterator": _iterator,
    "named": lambda functions, module, name: named(module, name),
    "range": lambda functions, *numbers: range(*numbers),
    "slice": lambda functions, *bounds: slice(*bounds),
}


def named(module: str, name: str) -> Any:
    """Return a function or class of the standard library, or of numpy."""
    found = __import__(module, fromlist=["__name__"])
    for part in name.split("."):
        found = getattr(found, part)
    return found


def error_of(base: str, args: Sequence[Any]) -> BaseException:
    """Return the builtin exception that a test's function raised, or that it is a kind of."""
    kind = getattr(builtins, base)
    # Without its constructor: some, such as UnicodeDecodeError, want more than a message.
    error: BaseException = kind.__new__(kind, *args)
    BaseException.__init__(error, *args)
    if isinstance(error, StopIteration):
        StopIteration.__init__(error, *args)  # the interpreter reads its value
    return error


def copy_back(mine: Any, theirs: Any) -> None:
    """Take over what the other side has changed in a copy of `mine`, where there is one and it is of the same class."""
    kind = type(mine)
    if kind is list and type(theirs) is list:
        mine[:] = theirs
    elif kind is collections.deque and type(theirs) is collections.deque:
        mine.clear()
        mine.extend(theirs)
    elif type(theirs) is kind and kind in _UPDATED:
        mine.clear()
        mine.update(theirs)
    elif type(theirs) is list and kind.__module__ == "numpy" and hasattr(mine, "shape"):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            mine[...] = theirs


_UPDATED = (dict, set, collections.Counter, collections.OrderedDict, collections.defaultdict)
