"""What a test passes to a program beyond plain data: iterators, arrays, functions; and the calls of those functions.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import builtins
import io
import itertools
import operator
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from coderl_env.judge.arrays import array_of, is_numpy
from coderl_env.judge.hiding import hides
from coderl_env.judge.values import Argument

__all__ = ["DOINGS", "Arguments", "builtin_base", "standard_name"]

# Of whose classes a program may hold an object that stays with the test: the test itself, and what only holds data.
_REMOTE_MODULES = frozenset(
    {"__main__", "unittest.mock", "re", "types", "_thread", "threading", "queue", "_queue", "array", "random"}
)
# Items of an iterator that go at once; the rest is asked for.
_CHUNK_ITEMS = 1000
_BY_NAME = (
    types.BuiltinFunctionType, types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, type,
)  # fmt: skip


class Arguments:
    """What one test has passed to the program that is no plain data: functions, exceptions, objects, each by a number.

    The numbers are negative: those of the program's own objects are not.

    Args:
        consulted: attributes that the test's classes read, and nothing in the test sets.
    """

    def __init__(self, consulted: frozenset[str]) -> None:
        self._consulted = consulted
        # Kept, so that no other gets an object's address.
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._remote: set[int] = set()

    def number_of(self, value: Any) -> int:
        """Return the number of an object of the test, a new one if it has none."""
        if id(value) not in self._numbers:
            self._objects.append(value)
            self._numbers[id(value)] = -len(self._objects)
        return self._numbers[id(value)]

    def object_of(self, number: int) -> Any:
        """Return the test's object of a number.

        Raises:
            LookupError: there is none.
        """
        if not 0 < -number <= len(self._objects):
            raise LookupError("the test has passed nothing of this number")
        return self._objects[-number - 1]

    def called(self, number: int, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Do what the program asks for: call a function that the test has passed, or do something to an object.

        Raises:
            LookupError: the test has passed nothing of this number.
        """
        value = self.object_of(number)
        if id(value) in self._remote:
            if args[0] == "setattr" and hides(type(value), args[1], self._consulted):
                raise AttributeError(f"{type(value).__name__!r} object attribute {args[1]!r} is read-only")
            return DOINGS[args[0]](value, *args[1:], **keywords)
        return value(*args, **keywords)

    def argument_of(self, value: Any) -> Any:
        """Return what to send instead of something that is no plain data; None if there is nothing.

        An iterator is used up by this, as far as it is sent.
        """
        kind = type(value)
        if is_numpy(kind):
            return array_of(value)
        if kind is range:
            return Argument("range", [value.start, value.stop, value.step])
        if kind is slice:
            return Argument("slice", [value.start, value.stop, value.step])
        if kind is object:
            return Argument("token", [self.number_of(value)])
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return Argument("named_tuple", [kind.__name__, tuple(kind._fields), tuple(value)])
        if isinstance(value, Iterator) and kind.__module__ in ("builtins", "itertools"):
            return self._of_iterator(value)
        if isinstance(value, _BY_NAME):
            found = standard_name(value)
            if found is not None:
                return Argument("named", found)
        if isinstance(value, type) and issubclass(value, BaseException):
            return Argument("error_class", [self.number_of(value), value.__name__, builtin_base(value)])
        return self._of_function(value) if callable(value) and not _is_mock(value) else None

    def remote_of(self, value: Any) -> Any:
        """Return what to send instead of an object of which the program shall ask the test; None if it may not.

        What opens files or runs code may not: it would do so with the test's rights, which reads everything.
        """
        kind = type(value)
        if kind.__module__ not in _REMOTE_MODULES and kind not in (io.StringIO, io.BytesIO):
            return None
        self._remote.add(id(value))
        return Argument("remote", [self.number_of(value)])

    def _of_iterator(self, items: Iterator[Any]) -> Argument:
        # Tuples, in what is sent: the content of a list may come later.
        def take() -> tuple[Any, ...]:
            return tuple(itertools.islice(items, _CHUNK_ITEMS))

        first = take()
        return Argument("iterator", [first, self._of_function(take) if len(first) == _CHUNK_ITEMS else None])

    def _of_function(self, function: Callable[..., Any]) -> Argument:
        name = getattr(function, "__name__", type(function).__name__)
        text = getattr(function, "__doc__", None)
        return Argument(
            "function",
            [self.number_of(function), str(name), _parameters_of(function), text if type(text) is str else None],
        )


def _is_mock(value: Any) -> bool:
    """Whether this is called, and has attributes as well."""
    return type(value).__module__ == "unittest.mock"


def builtin_base(kind: type) -> str:
    """Return the name of the builtin exception that another one is a kind of."""
    for parent in kind.__mro__:
        if getattr(builtins, parent.__name__, None) is parent and not issubclass(parent, BaseExceptionGroup):
            return str(parent.__name__)
    return "Exception"


def _attribute(one: Any, name: str, *default: Any) -> Any:
    """Return an attribute of a test's object, but none of those that lead further than to what it is for."""
    if name.startswith("__") or (_is_mock(one) and name.startswith(_MOCKS_OWN)):
        raise AttributeError(f"{type(one).__name__!r} object has no attribute {name!r}")
    return getattr(one, name, *default)


# What of a mock changes it, or is inside it.
_MOCKS_OWN = ("_mock", "configure_mock", "reset_mock", "attach_mock", "mock_add_spec")


# What a program may do with an object of the test, by the names that `rebuilding.Remote` asks with.
DOINGS: dict[str, Callable[..., Any]] = {
    "getattr": _attribute,
    "setattr": setattr,
    "call": lambda one, *args, **keywords: one(*args, **keywords),
    "len": len,
    "iter": iter,
    "next": next,
    "bool": bool,
    "str": str,
    "repr": repr,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "contains": operator.contains,
    "enter": lambda one: type(one).__enter__(one),
    "exit": lambda one, *error: type(one).__exit__(one, None, None, None),
}


def standard_name(value: Any) -> list[str] | None:
    """Return module and name under which the standard library, or numpy, has a function or class; None if neither."""
    module = getattr(getattr(value, "__objclass__", value), "__module__", None)
    name = getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return None
    if module.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is value:
        return [module, name]
    # Classes without a name of their own, such as that of generators.
    return next((["types", known] for known in types.__all__ if getattr(types, known) is value), None)


def _parameters_of(function: Any) -> tuple[str, ...] | None:
    """Return the names of a function's parameters, where they are nothing but names."""
    if type(function) is not types.FunctionType or function.__defaults__ or function.__kwdefaults__:
        return None
    code = function.__code__
    if code.co_posonlyargcount or code.co_kwonlyargcount or code.co_flags & (_VARIABLE | _KEYWORDS):
        return None
    return tuple(code.co_varnames[: code.co_argcount])


# As `inspect` names the flags of code.
_VARIABLE, _KEYWORDS = 0x04, 0x08
