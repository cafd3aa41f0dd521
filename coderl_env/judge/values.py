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
import re
import sys
from collections.abc import Callable
from typing import Any

from coderl_env.judge.wire import WireError

MAX_DEPTH = 200
# A range of a few bytes can hold more than any memory; a longer one stays where it is.
MOST_RANGE_ITEMS = 1 << 20
_SAFE_INT = 1 << 53
# Where the numbers of a machine word end.
_FAR = 1 << 63
# The module that a program's process runs the program as.
PROGRAM_MODULE = "solution"
_NAME_CHARACTERS = 100
_MOST_KINDS = 20
_MESSAGE_CHARACTERS = 300


class Handle:
    """Stands for an object that stays in the program's process.

    Attributes:
        number: its place in that process's table of objects.
        type_name: name of its class, for messages.
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


class Shadow:
    """Base of classes whose values are sent as the handles of what they stand for."""


class Argument:
    """What only a test sends to a program, for which the program's process makes something of its own.

    Attributes:
        kind: name of the rule by which it is made, in `calls`.
        content: plain values that say what is to be made.
    """

    __slots__ = ("content", "kind")

    def __init__(self, kind: str, content: Any) -> None:
        self.kind = kind
        self.content = content


def encode_value(value: Any, opaque: Callable[[Any], Any], depth: int = MAX_DEPTH, *, as_plain: bool = False) -> Any:
    """Return `value` as tagged JSON.

    A subclass of a builtin is reduced to the builtin by the builtin's own methods; its own methods are never called.

    Args:
        value: the value.
        opaque: called for anything the wire does not carry, for numpy's values and for shadows; returns what to send
            instead: a handle, an argument, or plain data. Also called for a value of a class that the program derived
            from a builtin one: a handle is then sent beside the plain value, and None leaves it at that.
        depth: how many levels of containers are allowed.
        as_plain: whether the value itself goes as the builtin class has it that its own is derived from.

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
            return encode_value(opaque(value), opaque, depth)
        if not as_plain and is_own(kind):
            handle = opaque(value)
            if handle is not None:
                return {"v": [handle.number, handle.type_name, encode_value(value, opaque, depth - 1, as_plain=True)]}
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
    return _encode_container(value, kind, opaque, depth - 1)


def _encode_container(value: Any, kind: type, opaque: Callable[[Any], Any], depth: int) -> Any:
    if issubclass(kind, list):
        return [encode_value(item, opaque, depth) for item in list.__iter__(value)]
    if issubclass(kind, tuple):
        return {"t": [encode_value(item, opaque, depth) for item in tuple.__iter__(value)]}
    if issubclass(kind, dict):
        return _encode_dict(value, kind, opaque, depth)
    if issubclass(kind, frozenset):
        return {"z": [encode_value(item, opaque, depth) for item in frozenset.__iter__(value)]}
    if issubclass(kind, set):
        return {"s": [encode_value(item, opaque, depth) for item in set.__iter__(value)]}
    if issubclass(kind, bytes):
        return {"b": bytes.hex(value)}
    if issubclass(kind, bytearray):
        return {"a": bytearray.hex(value)}
    if kind is collections.deque:
        return {"q": [[encode_value(item, opaque, depth) for item in value], value.maxlen]}
    if kind is Argument:
        return {"x": [value.kind, encode_value(value.content, opaque, depth)]}
    return _encode_number_or_date(value, kind, opaque, depth)


def _encode_dict(value: Any, kind: type, opaque: Callable[[Any], Any], depth: int) -> Any:
    ordered = kind is collections.OrderedDict
    pairs = [
        [encode_value(key, opaque, depth), encode_value(item, opaque, depth)]
        for key, item in (value.items() if ordered else dict.items(value))
    ]
    if ordered or kind is collections.Counter:
        return {"O" if ordered else "C": pairs}
    if kind is collections.defaultdict:
        factory = value.default_factory
        if factory is None:
            return {"e": [None, pairs]}
        if type(factory) is type and factory in _TYPE_NAMES:
            return {"e": [_TYPE_NAMES[factory], pairs]}
    return {"d": pairs}


def _encode_number_or_date(value: Any, kind: type, opaque: Callable[[Any], Any], depth: int) -> Any:
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
    if kind is type and value in _TYPE_NAMES:
        return {"n": _TYPE_NAMES[value]}
    if kind is range and _is_short(value):
        return {"r": [hex(value.start), hex(value.stop), hex(value.step)]}
    return encode_value(opaque(value), opaque, depth)


def _is_short(numbers: range) -> bool:
    """Whether a range has few items; its numbers are small, so that finding out takes no time."""
    small = all(-_FAR < number < _FAR for number in (numbers.start, numbers.stop, numbers.step))
    # Not len(), which takes no more than a machine word.
    return small and (not numbers or abs(numbers[-1] - numbers[0]) // abs(numbers.step) < MOST_RANGE_ITEMS)


_EXACT = frozenset({int, float, str, list, tuple, dict, set, frozenset})
_DERIVED = (
    str, int, float, complex, bytes, bytearray, list, tuple, dict, set, frozenset, decimal.Decimal, fractions.Fraction,
    datetime.date, datetime.time,
)  # fmt: skip
_NUMERATOR: Any = fractions.Fraction.__dict__["_numerator"]
_DENOMINATOR: Any = fractions.Fraction.__dict__["_denominator"]
# datetime before date: a datetime is a date.
_DATE_KINDS: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}
# Types of plain data are values too: a test may ask for all that are `int`.
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, type(None))
}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}


def is_own(kind: type) -> bool:
    """Whether a program derived this class from one whose values the wire carries."""
    return issubclass(kind, _DERIVED) and kind.__module__ == PROGRAM_MODULE


def is_numpy(kind: type) -> bool:
    """Whether this is a class of numpy's scalars or arrays; numpy is not imported for it."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, (numpy.ndarray, numpy.generic))


def from_numpy(value: Any) -> Any:
    """Return numpy's scalar or array as plain Python, anything else, and what has no such form, as it is."""
    kind = type(value)
    if not is_numpy(kind):
        return value
    numpy = sys.modules["numpy"]
    if issubclass(kind, numpy.ndarray):
        return numpy.ndarray.tolist(value)
    plain = numpy.generic.item(value)
    # Python has no numbers of extended precision, so numpy returns its own.
    if isinstance(plain, numpy.longdouble):
        return float(plain)
    if isinstance(plain, numpy.clongdouble):
        return complex(plain)
    return value if is_numpy(type(plain)) else plain


def decode_value(data: Any, depth: int = MAX_DEPTH) -> Any:
    """Rebuild a value from tagged JSON: exact types of the standard library, `Handle`, `OwnValue` and `Argument`.

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


def _decode_date(content: Any, depth: int) -> Any:
    name, text = content
    return _DATE_KINDS[name].fromisoformat(text)


def _decode_defaults(content: Any, depth: int) -> Any:
    name, pairs = content
    return collections.defaultdict(None if name is None else _TYPES[name], _decode_pairs(pairs, depth))


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
    "n": lambda content, depth: _TYPES[content],
    "h": lambda content, depth: Handle(int(content[0]), str(content[1])),
    "v": lambda content, depth: OwnValue(int(content[0]), str(content[1]), decode_value(content[2], depth)),
    "x": lambda content, depth: Argument(str(content[0]), decode_value(content[1], depth)),
}


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
    return value


def check_value(data: Any, depth: int = MAX_DEPTH) -> None:
    """Check by its form alone, building nothing, that `data` is what `encode_value` writes of a program's value.

    What only a test sends is refused.

    Raises:
        WireError: it is not.
    """
    level = [data]
    # One level after the other: no nesting, however deep, exceeds the interpreter's own recursion limit.
    while level:
        inner: list[Any] = []
        for value in level:
            if value is None or type(value) in (bool, int, float, str):
                continue
            if depth <= 0:
                raise WireError("the value is nested too deeply")
            inner += value if type(value) is list else _checked_content(value)
        level = inner
        depth -= 1


def _checked_content(value: Any) -> list[Any]:
    """Return the values inside a tagged one, after a look at its form.

    Raises:
        WireError: it is not what `encode_value` writes.
    """
    if type(value) is not dict or len(value) != 1:
        raise WireError("the value is not tagged JSON")
    [(tag, content)] = value.items()
    if tag in ("t", "s", "z") and type(content) is list:
        return content
    if tag in ("d", "C", "O") and _is_pairs(content):
        return [item for pair in content for item in pair]
    if tag == "v" and _is_own_value(content):
        return [content[2]]
    if tag == "e" and _is_defaults(content):
        return [item for pair in content[1] for item in pair]
    if tag == "q" and _is_deque(content):
        items: list[Any] = content[0]
        return items
    if tag not in _DECODERS:
        raise WireError(f"unknown tag {tag!r}")
    if tag not in _FORMS or not _FORMS[tag](content):
        raise WireError(f"the content of tag {tag!r} is malformed")
    return []


def check_error(data: Any) -> dict[str, Any]:
    """Return what a program's process said of an exception, in bounds.

    Raises:
        WireError: it is not of that form.
    """
    try:
        line, number = data["line"], data.get("number")
        return {
            "type": str(data["type"])[:_NAME_CHARACTERS],
            "base": str(data.get("base", ""))[:_NAME_CHARACTERS],
            "line": line if type(line) is int and 0 < line < 1 << 31 else None,
            "message": str(data["message"])[:_MESSAGE_CHARACTERS],
            # Of its classes those that are the program's own, and the number of the exception itself.
            "kinds": [str(name)[:_NAME_CHARACTERS] for name in list(data.get("kinds", []))[:_MOST_KINDS]],
            "number": number if type(number) is int and number >= 0 else None,
        }
    except (KeyError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise WireError("an exception's description is malformed") from error


def _is_text(pattern: str) -> Callable[[Any], bool]:
    match = re.compile(pattern, re.ASCII).fullmatch
    return lambda content: type(content) is str and match(content) is not None


def _is_row(*kinds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda content: (
        type(content) is list
        and len(content) == len(kinds)
        and all(kind(item) for kind, item in zip(kinds, content, strict=True))
    )


def _is_type(content: Any) -> bool:
    return type(content) is str and content in _TYPES


def _is_pairs(content: Any) -> bool:
    return type(content) is list and all(type(pair) is list and len(pair) == 2 for pair in content)


def _is_deque(content: Any) -> bool:
    if type(content) is not list or len(content) != 2 or type(content[0]) is not list:
        return False
    most = content[1]
    return most is None or (type(most) is int and len(content[0]) <= most < _FAR)


def _is_range(content: Any) -> bool:
    if not _is_bounds(content):
        return False
    start, stop, step = (int(number, 16) for number in content)
    return step != 0 and _is_short(range(start, stop, step))


_is_hex = _is_text("-?0x[0-9a-f]+")
_is_bytes = _is_text("(?:[0-9a-f]{2})*")
# Every part begins with a character that the one before it cannot hold: whatever a program sends is read once.
_is_number = _is_text(r"-?(?:inf|nan|\d+(?:\.\d*)?(?:e[+-]?\d+)?)")
_is_near = _is_text("-?0x[0-9a-f]{1,16}")
_is_bounds = _is_row(_is_near, _is_near, _is_near)
_HANDLE = (lambda content: type(content) is int and content >= 0, lambda content: type(content) is str)
_is_own_value = _is_row(*_HANDLE, lambda content: True)
_is_defaults = _is_row(lambda content: content is None or _is_type(content), _is_pairs)
# What holds no further values.
_FORMS: dict[str, Callable[[Any], bool]] = {
    "i": _is_hex,
    "f": _is_number,
    "b": _is_bytes,
    "a": _is_bytes,
    "c": _is_row(_is_number, _is_number),
    "D": _is_text(r"-?(?:\d+(?:\.\d*)?(?:E[+-]?\d+)?|Infinity|s?NaN\d*)"),
    "F": _is_row(_is_hex, _is_hex),
    "T": _is_row(_is_text("|".join(_DATE_KINDS)), _is_text(r"[\dT:.+-]+")),
    "n": _is_type,
    "r": _is_range,
    "h": _is_row(*_HANDLE),
}
