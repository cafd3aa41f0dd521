"""What a program's process may say: values and exceptions as tagged JSON, checked by their form before they are read.

Used by the trainer, which builds nothing of what a program sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from coderl_env.judge.values import DATE_NAMES, FAR, MAX_DEPTH, TAGS, TYPE_NAMES, is_short
from coderl_env.judge.views import VIEWS
from coderl_env.judge.wire import WireError

__all__ = ["check_changes", "check_error", "check_value"]

_NAME_CHARACTERS = 100
_MOST_KINDS = 20
_MESSAGE_CHARACTERS = 300


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
        return [*([content[0]] if type(content[0]) is dict else ()), *(item for pair in content[1] for item in pair)]
    if tag == "w" and _is_view(content):
        shown: list[Any] = content[1]
        return shown
    if tag == "q" and _is_deque(content):
        items: list[Any] = content[0]
        return items
    if tag not in TAGS:
        raise WireError(f"unknown tag {tag!r}")
    if tag not in _FORMS or not _FORMS[tag](content):
        raise WireError(f"the content of tag {tag!r} is malformed")
    return []


def check_changes(changes: Any) -> list[Any]:
    """Return what a program's process said of the containers that it shares with a test.

    Raises:
        WireError: it is not of that form.
    """
    if type(changes) is not list:
        raise WireError("changes are no list")
    for change in changes:
        if type(change) is not list or len(change) != 2 or not _is_place(change[0]):
            raise WireError("a change is no number and content")
        check_value(change[1])
    return changes


def check_error(data: Any) -> dict[str, Any]:
    """Return what a program's process said of an exception, in bounds.

    Raises:
        WireError: it is not of that form.
    """
    try:
        line = data["line"]
        return {
            "type": str(data["type"])[:_NAME_CHARACTERS],
            "base": str(data.get("base", ""))[:_NAME_CHARACTERS],
            "line": line if type(line) is int and 0 < line < 1 << 31 else None,
            "message": str(data["message"])[:_MESSAGE_CHARACTERS],
            **_for_tests(data),
        }
    except (KeyError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise WireError("an exception's description is malformed") from error


def _for_tests(data: dict[str, Any]) -> dict[str, Any]:
    """Return what only a test is told of an exception: its classes of the program's and the library's, its number."""
    number, library = data.get("number"), data.get("library")
    value = data.get("value")
    check_value(value)
    names = [str(name)[:_NAME_CHARACTERS] for name in list(data.get("kinds", []))[:_MOST_KINDS]]
    return {
        "kinds": list(dict.fromkeys(names)),
        "library": [str(part)[:_NAME_CHARACTERS] for part in library[:2]] if type(library) is list else None,
        "number": number if _is_place(number) else None,
        "value": value,
    }


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
    return type(content) is str and content in TYPE_NAMES


def _is_pairs(content: Any) -> bool:
    return type(content) is list and all(type(pair) is list and len(pair) == 2 for pair in content)


def _is_deque(content: Any) -> bool:
    if type(content) is not list or len(content) != 2 or type(content[0]) is not list:
        return False
    most = content[1]
    return most is None or (type(most) is int and len(content[0]) <= most < FAR)


def _is_range(content: Any) -> bool:
    if not _is_bounds(content):
        return False
    start, stop, step = (int(number, 16) for number in content)
    return step != 0 and is_short(range(start, stop, step))


_is_hex = _is_text("-?0x[0-9a-f]+")
_is_bytes = _is_text("(?:[0-9a-f]{2})*")
# Every part begins with a character that the one before it cannot hold: whatever a program sends is read once.
_is_number = _is_text(r"-?(?:inf|nan|\d+(?:\.\d*)?(?:e[+-]?\d+)?)")
_is_near = _is_text("-?0x[0-9a-f]{1,16}")
_is_bounds = _is_row(_is_near, _is_near, _is_near)


def _is_place(number: Any) -> bool:
    """Whether this may be the number of an object or a container."""
    return type(number) is int and abs(number) < 1 << 53


_HANDLE = (_is_place, lambda content: type(content) is str)
_is_own_value = _is_row(*_HANDLE, lambda content: True)
_is_defaults = _is_row(lambda content: content is None or type(content) is dict or _is_type(content), _is_pairs)
_is_view = _is_row(
    lambda content: type(content) is str and content in VIEWS.values(), lambda content: type(content) is list
)
# What holds no further values.
_FORMS: dict[str, Callable[[Any], bool]] = {
    "i": _is_hex,
    "f": _is_number,
    "b": _is_bytes,
    "a": _is_bytes,
    "c": _is_row(_is_number, _is_number),
    "D": _is_text(r"-?(?:\d+(?:\.\d*)?(?:E[+-]?\d+)?|Infinity|s?NaN\d*)"),
    "F": _is_row(_is_hex, _is_hex),
    "T": _is_row(_is_text("|".join(DATE_NAMES)), _is_text(r"[\dT:.+-]+")),
    "N": _is_row(
        _is_text(r"[<>|=][biufcSUmM]\d{1,9}(?:\[[a-zA-Z0-9]{1,9}\])?"),
        lambda content: (
            content is None
            or (
                type(content) is list
                and len(content) <= 32
                and all(type(size) is int and 0 <= size < FAR for size in content)
            )
        ),
        _is_bytes,
    ),
    "L": _is_row(*[lambda content: type(content) is int and abs(content) < 10**12] * 3),
    "k": _is_place,
    "n": _is_type,
    "r": _is_range,
    "h": _is_row(*_HANDLE),
}
