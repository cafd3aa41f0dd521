"""Python values as tagged JSON.

The reader rebuilds exact types of the standard library from text: nothing the writer defines (a subclass, an `__eq__`,
a `__reduce__`) can come along.

This file is loaded by path into the judge's small processes; it imports the standard library only.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import types
from collections.abc import Callable
from typing import Any

from coderl_env.judge.arrays import Array, is_numpy
from coderl_env.judge.views import VIEWS, View
from coderl_env.judge.wire import WireError

MAX_DEPTH = 200
# A range of a few bytes can hold more than any memory; a longer one stays where it is.
MOST_RANGE_ITEMS = 1 << 20
_SAFE_INT = 1 << 53
_NAME_CHARACTERS = 100
# Where the numbers of a machine word end.
FAR = 1 << 63
# The module that a program's process runs the program as.
PROGRAM_MODULE = "solution"


class Handle:
    """Stands for an object that stays in the program's process.

    Attributes:
        number: its place in that process's table of objects; negative for an object of the test.
        type_name: name of its class.
    """

    __slots__ = ("number", "type_name")

    def __init__(self, number: int, type_name: str) -> None:
        self.number = number
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


class OwnValue(Handle):
    """A value of a class that the program derived from a builtin one, such as a named tuple.

    Attributes:
        plain: the value as the builtin class has it.
    """

    __slots__ = ("plain",)

    def __init__(self, number: int, type_name: str, plain: Any) -> None:
        super().__init__(number, type_name)
        self.plain = plain


class Reference:
    """Stands for a container that test and program share.

    Attributes:
        number: its number.
    """

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Shadow:
    """Base of classes whose values are sent as the handles of what they stand for."""


class Argument:
    """What only a test sends to a program, for which the program's process makes something of its own.

    Attributes:
        kind: name of the rule by which it is made, in `rebuilding`.
        content: plain values that say what is to be made.
    """

    __slots__ = ("content", "kind")

    def __init__(self, kind: str, content: Any) -> None:
        self.kind = kind
        self.content = content


def encode_value(value: Any, opaque: Callable[[Any], Any], depth: int = MAX_DEPTH) -> Any:
    """Return `value` as tagged JSON; see `Encoder`.

    Raises:
        WireError: the value is nested more deeply than `depth`.
    """
    return Encoder(opaque).encode(value, depth)


class Encoder:
    """Writes values as tagged JSON.

    A subclass of a builtin is reduced to the builtin by the builtin's own methods; its own methods are never called.

    Args:
        opaque: called for anything the wire does not carry, for numpy's values and for shadows; returns what to send
            instead: a handle, an argument, or plain data. Also called for a value of a class that the program derived
            from a builtin one: a handle is then sent beside the plain value, and None leaves it at that.
        share: called for containers that can be changed; returns the number to send instead, or None for the content.
    """

    __slots__ = ("_opaque", "_share")

    def __init__(self, opaque: Callable[[Any], Any], share: Callable[[Any], int | None] | None = None) -> None:
        self._opaque = opaque
        self._share = share

    def encode(self, value: Any, depth: int = MAX_DEPTH, *, as_plain: bool = False) -> Any:
        """Return a value as tagged JSON.

        Args:
            value: the value.
            depth: how many levels of containers are allowed.
            as_plain: send the content of the value itself, whatever number it has, and as the builtin class has it that
                its own is derived from.

        Raises:
            WireError: the value is nested more deeply than that.
        """
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind not in _EXACT:
            if kind is Handle:
                return {"h": [value.number, value.type_name]}
            # numpy's own text and float are kinds of Python's.
            if is_numpy(kind) or issubclass(kind, Shadow):
                return self.encode(self._opaque(value), depth)
            if not as_plain and is_own(kind):
                handle = self._opaque(value)
                if type(handle) is Argument:
                    return self.encode(handle, depth)
                if handle is not None:
                    return {"v": [handle.number, handle.type_name, self.encode(value, depth - 1, as_plain=True)]}
        if not as_plain and self._share is not None and kind in CHANGEABLE:
            number = self._share(value)
            if number is not None:
                return {"k": number}
        if issubclass(kind, str):
            return str.__str__(value)
        if issubclass(kind, int):
            number = int.__pos__(value)
            return number if -_SAFE_INT < number < _SAFE_INT else {"i": hex(number)}
        if issubclass(kind, float):
            real = float.__pos__(value)
            return real if real - real == 0.0 else {"f": float.__repr__(real)}
        if depth <= 0:
            raise WireError(f"the value is nested more than {MAX_DEPTH} levels deep")
        return self._container(value, kind, depth - 1)

    def _container(self, value: Any, kind: type, depth: int) -> Any:
        if issubclass(kind, list):
            return [self.encode(item, depth) for item in list.__iter__(value)]
        if issubclass(kind, tuple):
            return {"t": [self.encode(item, depth) for item in tuple.__iter__(value)]}
        if issubclass(kind, dict):
            return self._dict(value, kind, depth)
        if issubclass(kind, frozenset):
            return {"z": [self.encode(item, depth) for item in frozenset.__iter__(value)]}
        if issubclass(kind, set):
            return {"s": [self.encode(item, depth) for item in set.__iter__(value)]}
        if issubclass(kind, bytes):
            return {"b": bytes.hex(value)}
        if issubclass(kind, bytearray):
            return {"a": bytearray.hex(value)}
        if kind is collections.deque:
            return {"q": [[self.encode(item, depth) for item in value], value.maxlen]}
        if kind is Array:
            return {"N": [value.dtype, None if value.shape is None else list(value.shape), value.data.hex()]}
        if kind is Argument:
            return {"x": [value.kind, self.encode(value.content, depth, as_plain=True)]}
        if kind is types.MappingProxyType:
            return self._dict(dict(value), dict, depth)
        if kind in VIEWS:
            return {"w": [VIEWS[kind], [self.encode(item, depth) for item in value]]}
        found = _encode_number_or_date(value, kind)
        return self.encode(self._opaque(value), depth) if found is None else found

    def _dict(self, value: Any, kind: type, depth: int) -> Any:
        ordered = kind is collections.OrderedDict
        pairs = [
            [self.encode(key, depth), self.encode(item, depth)]
            for key, item in (value.items() if ordered else dict.items(value))
        ]
        if ordered or kind is collections.Counter:
            return {"O" if ordered else "C": pairs}
        if kind is collections.defaultdict:
            factory = value.default_factory
            if factory is None:
                return {"e": [None, pairs]}
            is_type = type(factory) is type and factory in _TYPE_NAMES
            return {"e": [_TYPE_NAMES[factory] if is_type else self.encode(factory, depth), pairs]}
        return {"d": pairs}


def _encode_number_or_date(value: Any, kind: type) -> Any:
    if issubclass(kind, complex):
        number = complex.__pos__(value)
        return {"c": [float.__repr__(number.real), float.__repr__(number.imag)]}
    if issubclass(kind, decimal.Decimal):
        return {"D": decimal.Decimal.__str__(value)}
    if issubclass(kind, fractions.Fraction):
        # The slots' own descriptors: a subclass may shadow the names.
        return {"F": [hex(_NUMERATOR.__get__(value)), hex(_DENOMINATOR.__get__(value))]}
    for name, date_kind in _DATE_KINDS.items():
        if issubclass(kind, date_kind):
            return {"T": [name, date_kind.isoformat(value)]}
    if issubclass(kind, datetime.timedelta):
        parts = (_DELTA[name].__get__(value) for name in ("days", "seconds", "microseconds"))
        return {"L": list(parts)}
    if kind is type and value in _TYPE_NAMES:
        return {"n": _TYPE_NAMES[value]}
    if kind is range and is_short(value):
        return {"r": [hex(value.start), hex(value.stop), hex(value.step)]}
    return None


def is_short(numbers: range) -> bool:
    """Whether a range has few items; its numbers are small, so that finding out takes no time."""
    small = all(-FAR < number < FAR for number in (numbers.start, numbers.stop, numbers.step))
    # Not len(), which takes no more than a machine word.
    return small and (not numbers or abs(numbers[-1] - numbers[0]) // abs(numbers.step) < MOST_RANGE_ITEMS)


_EXACT = frozenset({int, float, str, list, tuple, dict, set, frozenset})
CHANGEABLE = frozenset(
    {list, dict, set, bytearray, collections.deque, collections.Counter, collections.OrderedDict}
    | {collections.defaultdict}
)
_DERIVED = (
    str, int, float, complex, bytes, bytearray, list, tuple, dict, set, frozenset, decimal.Decimal, fractions.Fraction,
    datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip
_DELTA: Any = datetime.timedelta.__dict__
_NUMERATOR: Any = fractions.Fraction.__dict__["_numerator"]
_DENOMINATOR: Any = fractions.Fraction.__dict__["_denominator"]
# datetime before date: a datetime is a date.
_DATE_KINDS: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}
DATE_NAMES = tuple(_DATE_KINDS)
# Types of plain data are values too: a test may ask for all that are `int`.
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, type(None))
}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}
TYPE_NAMES = frozenset(_TYPES)


def is_own(kind: type) -> bool:
    """Whether a program derived this class from one whose values the wire carries; named tuples are, wherever made."""
    if not issubclass(kind, _DERIVED):
        return False
    return kind.__module__ == PROGRAM_MODULE or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def class_name(text: str) -> str:
    """Return what a class may be called of what a program calls its own."""
    return text[:_NAME_CHARACTERS].encode("utf-8", "replace").decode().replace("\0", "?")


def decode_value(data: Any, depth: int = MAX_DEPTH) -> Any:
    """Rebuild a value from tagged JSON: exact types of the standard library, and the classes of this module.

    Raises:
        WireError: `data` is not what `encode_value` writes.
    """
    if data is None or type(data) in (bool, int, float, str):
        return data
    if depth <= 0:
        raise WireError("the value is nested too deeply")
    if type(data) is list:
        return [decode_value(item, depth - 1) for item in data]
    if type(data) is not dict or len(data) != 1:
        raise WireError("the value is not tagged JSON")
    [(tag, content)] = data.items()
    if tag not in _DECODERS:
        raise WireError(f"unknown tag {tag!r}")
    try:
        return _DECODERS[tag](content, depth - 1)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise WireError(f"the content of tag {tag!r} is malformed") from error


def _decode_items(content: Any, depth: int) -> list[Any]:
    if type(content) is not list:
        raise WireError("a container's content is not a list")
    return [decode_value(item, depth) for item in content]


def _decode_pairs(content: Any, depth: int) -> dict[Any, Any]:
    return {decode_value(key, depth): decode_value(item, depth) for key, item in content}


def _decode_array(dtype: str, shape: list[int] | None, data: str) -> Array:
    return Array(dtype, None if shape is None else tuple(shape), bytes.fromhex(data))


def _decode_date(content: Any, depth: int) -> Any:
    name, text = content
    return _DATE_KINDS[name].fromisoformat(text)


def _decode_defaults(content: Any, depth: int) -> Any:
    factory, pairs = content
    found: Any = collections.defaultdict(None, _decode_pairs(pairs, depth))
    # A handle cannot be called: what it stands for is put in its place.
    found.default_factory = _TYPES[factory] if type(factory) is str else decode_value(factory, depth)
    return found


_DECODERS: dict[str, Callable[[Any, int], Any]] = {
    "i": lambda content, depth: int(content, 16),
    "f": lambda content, depth: float(content),
    "t": lambda content, depth: tuple(_decode_items(content, depth)),
    "d": _decode_pairs,
    "C": lambda content, depth: collections.Counter(_decode_pairs(content, depth)),
    "O": lambda content, depth: collections.OrderedDict(_decode_pairs(content, depth)),
    "e": _decode_defaults,
    "q": lambda content, depth: collections.deque(_decode_items(content[0], depth), content[1]),
    "r": lambda content, depth: range(*(int(number, 16) for number in content)),
    "s": lambda content, depth: set(_decode_items(content, depth)),
    "z": lambda content, depth: frozenset(_decode_items(content, depth)),
    "b": lambda content, depth: bytes.fromhex(content),
    "a": lambda content, depth: bytearray.fromhex(content),
    "c": lambda content, depth: complex(float(content[0]), float(content[1])),
    "D": lambda content, depth: decimal.Decimal(content),
    "F": lambda content, depth: fractions.Fraction(int(content[0], 16), int(content[1], 16)),
    "T": _decode_date,
    "L": lambda content, depth: datetime.timedelta(*content),
    "N": lambda content, depth: _decode_array(*content),
    "k": lambda content, depth: Reference(int(content)),
    "n": lambda content, depth: _TYPES[content],
    "w": lambda content, depth: View(str(content[0]), _decode_items(content[1], depth)),
    "h": lambda content, depth: Handle(int(content[0]), str(content[1])),
    "v": lambda content, depth: OwnValue(int(content[0]), str(content[1]), decode_value(content[2], depth)),
    "x": lambda content, depth: Argument(str(content[0]), decode_value(content[1], depth)),
}


# All that `Encoder` writes, and what only a test sends.
TAGS = frozenset(_DECODERS)


def map_items(value: Any, function: Callable[[Any], Any]) -> Any:
    """Return a decoded container with `function` applied to its items, not to keys or elements of sets.

    Anything else is returned as it is.
    """
    kind = type(value)
    if kind is list:
        return [function(item) for item in value]
    if kind is tuple:
        return tuple(function(item) for item in value)
    if kind is collections.deque:
        return collections.deque((function(item) for item in value), value.maxlen)
    if kind in (dict, collections.Counter, collections.OrderedDict, collections.defaultdict):
        for key, item in value.items():
            value[key] = function(item)
        if kind is collections.defaultdict and isinstance(value.default_factory, (Handle, Argument)):
            value.default_factory = function(value.default_factory)
    return value
