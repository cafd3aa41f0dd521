"""What a program gets for the arguments that only a test sends: iterators, arrays, functions; in the program's process.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import builtins
import collections
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from coderl_env.judge import arrays
from coderl_env.judge.wire import WireError

__all__ = ["Functions", "Remote", "array", "copy_back", "error_of", "named", "rebuild", "set_state", "state_of"]


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
        # What stands for the test's objects, by its numbers for them, and those numbers.
        self._made: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}

    def number_of(self, value: Any) -> int | None:
        """Return the test's number for what stands for an object of its own."""
        return self._numbers.get(id(value))

    def keep(self, number: int, make: Callable[[], Any]) -> Any:
        """Return what stands for the test's object of this number, made if it is new."""
        if number not in self._made:
            self._made[number] = make()
            self._numbers[id(self._made[number])] = number
        return self._made[number]

    def make(
        self, number: int, name: str, parameters: tuple[str, ...] | None, text: str | None = None
    ) -> Callable[..., Any]:
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
        made.__doc__ = text
        return made


class Remote:
    """An object of the test that is nothing the program could have: what is done to it is done there.

    Args:
        ask: has the test do something with its object: a name out of `arguments.DOINGS`, and arguments.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        object.__setattr__(self, "_ask", ask)

    def __getattr__(self, name: str) -> Any:
        return self._ask("getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("setattr", name, value)


def _done_there(name: str) -> Callable[..., Any]:
    return lambda self, *args, **keywords: self._ask(name, *args, **keywords)


for _name in (
    "call", "len", "iter", "next", "getitem", "setitem", "delitem", "contains", "bool", "str", "repr", "enter", "exit",
):  # fmt: skip
    setattr(Remote, f"__{_name}__", _done_there(_name))


def state_of(one: Any) -> dict[str, Any]:
    """Return the attributes of an object, those in slots among them."""
    found = dict(getattr(one, "__dict__", {}))
    for name in _slots(type(one)):
        with contextlib.suppress(AttributeError):
            found[name] = object.__getattribute__(one, name)
    return found


def set_state(one: Any, state: Mapping[str, Any]) -> None:
    """Give an object these attributes and no others, even if its class is frozen."""
    for name in state_of(one).keys() - state.keys():
        object.__delattr__(one, name)
    for name, value in state.items():
        object.__setattr__(one, name, value)


def _slots(kind: type) -> Iterator[str]:
    for parent in kind.__mro__:
        slots = parent.__dict__.get("__slots__", ())
        yield from (slot for slot in ((slots,) if isinstance(slots, str) else slots) if not slot.startswith("__"))


def rebuild(kind: str, content: Any, functions: Functions) -> Any:
    """Return what an argument stands for."""
    return _KINDS[kind](functions, *content)


def array(value: arrays.Array) -> Any:
    """Return numpy's array or number of these bytes.

    Raises:
        WireError: there is none.
    """
    import numpy

    try:
        found = numpy.frombuffer(bytearray(value.data), value.dtype)
        return found[0] if value.shape is None else found.reshape(value.shape)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise WireError("the bytes are those of no array") from error


def _iterator(functions: Functions, items: Sequence[Any], rest: Callable[[], Sequence[Any]] | None) -> Iterator[Any]:
    return iter(items) if rest is None else _chain(items, rest)


def _chain(items: Sequence[Any], rest: Callable[[], Sequence[Any]]) -> Iterator[Any]:
    while items:
        yield from items
        items = rest()


def _error_class(name: str, base: str) -> Any:
    return type(name, (getattr(builtins, base),), {})


@functools.lru_cache
def _named_tuple_class(name: str, fields: tuple[str, ...]) -> Any:
    make: Any = collections.namedtuple
    return make(name, fields)


_KINDS: dict[str, Callable[..., Any]] = {
    "error_class": lambda functions, number, name, base: functions.keep(number, lambda: _error_class(name, base)),
    "function": lambda functions, number, *said: functions.keep(number, lambda: functions.make(number, *said)),
    "named_tuple": lambda functions, name, fields, items: _named_tuple_class(name, fields)(*items),
    "remote": lambda functions, number: functions.keep(number, lambda: Remote(functions.make(number, "ask", None))),
    "token": lambda functions, number: functions.keep(number, object),
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


def error_of(base: str, args: Sequence[Any], own: type[BaseException] | None = None) -> BaseException:
    """Return an exception like the test's: of what stands for its own class, or of the builtin one."""
    kind = getattr(builtins, base) if own is None else own
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
        if isinstance(mine, collections.defaultdict):
            mine.default_factory = theirs.default_factory
    elif kind is bytearray and type(theirs) is bytearray:
        mine[:] = theirs
    elif theirs is not None and kind.__module__ == "numpy" and hasattr(mine, "shape"):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            mine[...] = theirs


_UPDATED = (dict, set, collections.Counter, collections.OrderedDict, collections.defaultdict)
