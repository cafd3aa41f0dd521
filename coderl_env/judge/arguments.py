"""What a test passes to a program beyond plain data: iterators, arrays, functions; and the calls of those functions.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from coderl_env.judge.values import Argument, from_numpy, is_numpy

__all__ = ["Arguments", "standard_name"]

# Items of an iterator that go at once; the rest is asked for.
_CHUNK_ITEMS = 1000
# Kinds of numpy's elements that are nothing but their bytes.
_PLAIN_ELEMENTS = frozenset("biufcSUmM")
_BY_NAME = (
    types.BuiltinFunctionType, types.FunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, type,
)  # fmt: skip


class Arguments:
    """The functions that one test has passed to the program, and whatever else is no plain data."""

    def __init__(self) -> None:
        self._functions: list[Callable[..., Any]] = []
        self._numbers: dict[int, Argument] = {}

    def function(self, number: int) -> Callable[..., Any]:
        """Return a function that the test has passed.

        Raises:
            LookupError: it has passed none of this number.
        """
        if not 0 <= number < len(self._functions):
            raise LookupError("the test has passed no such function")
        return self._functions[number]

    def argument_of(self, value: Any) -> Any:
        """Return what to send instead of something that is no plain data; None if there is nothing.

        An iterator is used up by this, as far as it is sent.
        """
        if is_numpy(type(value)):
            return _of_numpy(value)
        if type(value) is range:
            return Argument("range", [value.start, value.stop, value.step])
        if type(value) is slice:
            return Argument("slice", [value.start, value.stop, value.step])
        if isinstance(value, Iterator):
            return self._of_iterator(value)
        if isinstance(value, _BY_NAME):
            found = standard_name(value)
            if found is not None:
                return Argument("named", found)
        return self._of_function(value) if callable(value) else None

    def _of_iterator(self, items: Iterator[Any]) -> Argument:
        # Tuples, in what is sent: the content of a list may come later.
        def take() -> tuple[Any, ...]:
            return tuple(itertools.islice(items, _CHUNK_ITEMS))

        first = take()
        return Argument("iterator", [first, self._of_function(take) if len(first) == _CHUNK_ITEMS else None])

    def _of_function(self, function: Callable[..., Any]) -> Argument:
        # The list keeps every function alive, so that no other gets its address.
        if id(function) not in self._numbers:
            name = getattr(function, "__name__", type(function).__name__)
            content = [len(self._functions), str(name), _parameters_of(function)]
            self._functions.append(function)
            self._numbers[id(function)] = Argument("function", content)
        return self._numbers[id(function)]


def _of_numpy(value: Any) -> Any:
    """Return the bytes of an array or a scalar; plain data where they say too little."""
    numpy = sys.modules["numpy"]
    plain = type(value) is numpy.ndarray or isinstance(value, numpy.generic)
    if not plain or value.dtype.kind not in _PLAIN_ELEMENTS:
        return from_numpy(value)
    shape = tuple(value.shape) if type(value) is numpy.ndarray else None
    return Argument("array", [value.dtype.str, shape, value.tobytes()])


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
