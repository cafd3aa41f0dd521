"""Comparison of what a program produced with what was expected. Runs in the parent, on plain bytes and tagged JSON.

Every rule is a pure function `(expected, output) -> bool` over the bytes of standard output; `values_equal` is the
rule for calls. Nothing here calls a method of anything the program made.
"""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Callable
from typing import Any

__all__ = ["COMPARATORS", "Comparator", "values_equal", "values_equal_apps"]

Comparator = Callable[[bytes, bytes], bool]

_RELATIVE_TOLERANCE = 1e-6
_ABSOLUTE_TOLERANCE = 1e-6
# Calls return floats whole, not printed to some digits: only rounding noise is forgiven.
_VALUE_TOLERANCE = 1e-9


def lines(expected: bytes, output: bytes) -> bool:
    """Equal, but for white space at line ends and empty lines at the end."""
    return expected == output or _trimmed_lines(expected) == _trimmed_lines(output)


def exact(expected: bytes, output: bytes) -> bool:
    """Equal to the byte."""
    return expected == output


def tokens(expected: bytes, output: bytes) -> bool:
    """Equal as sequences of words, wherever the white space lies."""
    return expected.split() == output.split()


def floats(expected: bytes, output: bytes) -> bool:
    """Equal as sequences of words, where two numbers may differ by 1e-6, absolutely or relatively."""
    wanted, got = expected.split(), output.split()
    return len(wanted) == len(got) and all(map(_words_close, wanted, got))


def apps(expected: bytes, output: bytes) -> bool:
    """The published APPS rules (Hendrycks et al. 2021, eval/testing_util.py), for comparability only.

    They accept wrong output: lines count as sets of words, and whole outputs as sets of such sets.
    """
    wanted = expected.decode("utf-8", "replace")
    got = output.decode("utf-8", "replace").split("\n")
    if got and got[-1] == "":
        got.pop()
    stripped = [line.strip() for line in got]
    wanted_lines = [line.strip() for line in wanted.split("\n")]
    full = [line for line in wanted_lines if line]
    if "\n".join(got).strip() == wanted.strip() or "\n".join(stripped).strip() == "\n".join(wanted_lines).strip():
        return True
    filled = [line for line in stripped if line]
    if filled == full or _numbers_close(full, filled):
        return True
    if _word_sets(full) == _word_sets(filled):
        return True
    rounded = _rounded_sets(full)
    return rounded is not None and rounded == _rounded_sets(filled)


COMPARATORS: dict[str, Comparator] = {
    "lines": lines,
    "exact": exact,
    "tokens": tokens,
    "floats": floats,
    "apps": apps,
}


def _trimmed_lines(text: bytes) -> list[bytes]:
    found = [line.rstrip() for line in text.split(b"\n")]
    while found and not found[-1]:
        found.pop()
    return found


def _words_close(wanted: bytes, got: bytes) -> bool:
    if wanted == got:
        return True
    if b"_" in got:  # Python would read it as a number
        return False
    try:
        left, right = float(wanted), float(got)
    except ValueError:
        return False
    return math.isclose(left, right, rel_tol=_RELATIVE_TOLERANCE, abs_tol=_ABSOLUTE_TOLERANCE)


def _numbers_close(wanted: list[str], got: list[str]) -> bool:
    if len(wanted) != len(got):
        return False
    try:
        return all(abs(float(a) - float(b)) <= 1e-8 + 1e-5 * abs(float(b)) for a, b in zip(got, wanted, strict=True))
    except ValueError:
        return False


def _word_sets(found: list[str]) -> set[frozenset[str]]:
    return {frozenset(line.split()) for line in found}


def _rounded_sets(found: list[str]) -> set[frozenset[float]] | None:
    try:
        return {frozenset(round(float(word), 3) for word in line.split()) for line in found}
    except ValueError:
        return None


def values_equal(expected: Any, actual: Any) -> bool:
    """Whether two values, both as tagged JSON, are equal.

    A bool never equals a number; int and float are equal when numerically equal within 1e-9, and where an int is
    expected, a float must round to it; a tuple equals a list; the keys of dicts compare as their JSON strings; nan
    equals nan; the dicts of `collections` are dicts; everything else must be of the same type and equal. Objects that
    the wire does not carry equal nothing.
    """
    left_kind, left = _kind_and_content(expected)
    right_kind, right = _kind_and_content(actual)
    if left_kind != right_kind or left_kind == "h":
        return False
    if left_kind == "number":
        return _numbers_equal(left, right)
    if left_kind in ("list", "q"):
        return len(left) == len(right) and all(map(values_equal, left, right))
    if left_kind == "d":
        # Strings as keys: a program cannot choose them so that their hashes collide.
        wanted, got = _by_key(left), _by_key(right)
        return (
            len(left) == len(right)
            and wanted.keys() == got.keys()
            and all(values_equal(item, got[key]) for key, item in wanted.items())
        )
    if left_kind == "s":
        return sorted(map(_canonical, left)) == sorted(map(_canonical, right))
    if left_kind == "c":
        return all(map(_numbers_equal, map(float, left), map(float, right)))
    if left_kind == "D":
        return left == right or _decimals_equal(left, right)
    return bool(left == right)


def values_equal_apps(expected: Any, actual: Any) -> bool:
    """The published APPS rule for calls: equal, or equal to the only element of an expected list."""
    kind, content = _kind_and_content(expected)
    return values_equal(expected, actual) or (kind == "list" and len(content) > 0 and values_equal(content[0], actual))


def _kind_and_content(data: Any) -> tuple[str, Any]:
    """Return the kind of a tagged value and its content; bool, number, str and None are kinds of their own."""
    if data is None or type(data) in (bool, str):
        return type(data).__name__, data
    if type(data) in (int, float):
        return "number", data
    if type(data) is list:
        return "list", data
    [(tag, content)] = data.items()
    if tag in ("i", "f"):
        return "number", int(content, 16) if tag == "i" else float(content)
    if tag == "t":
        return "list", content
    if tag == "v":
        return _kind_and_content(content[2])
    if tag == "r":
        start, stop, step = (int(number, 16) for number in content)
        numbers = range(start, stop, step)
        # Ranges are equal that hold the same.
        return "r", [len(numbers), *numbers[:2]]
    if tag in ("q", "e"):
        return ("q", content[0]) if tag == "q" else ("d", content[1])
    # What only adds methods to a dict is one.
    return _ALIKE.get(tag, tag), content


_ALIKE = {"z": "s", "C": "d", "O": "d"}


def _numbers_equal(left: float, right: float) -> bool:
    if type(left) is int and type(right) is int:
        return left == right
    try:
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        if type(left) is int and math.isfinite(right) and round(right) != left:
            return False  # a count, which floats have no more digits for
        return math.isclose(left, right, rel_tol=_VALUE_TOLERANCE, abs_tol=_VALUE_TOLERANCE)
    except OverflowError:
        return False  # an int too large for any float


def _decimals_equal(left: str, right: str) -> bool:
    try:
        return decimal.Decimal(left) == decimal.Decimal(right)
    except decimal.InvalidOperation:
        return False  # a signalling nan, or an exponent that no program's own Decimal can have


def _by_key(pairs: list[list[Any]]) -> dict[str, Any]:
    return {_key_text(key): value for key, value in pairs}


def _key_text(key: Any) -> str:
    """Return a key as JSON would write it: JSON has string keys only, so 1 and "1" are the same."""
    kind, content = _kind_and_content(key)
    if kind == "str":
        return str(content)
    if kind == "number":
        return repr(content) if type(content) is float else hex(content) if abs(content) >= 1 << 53 else str(content)
    if kind in ("bool", "NoneType"):
        return json.dumps(content)
    return _canonical(key)


def _canonical(data: Any) -> str:
    """Return a text that is the same for equal values; integral floats are written as ints."""
    kind, content = _kind_and_content(data)
    if kind == "number" and type(content) is float and content.is_integer():
        content = int(content)
    if kind == "number" and type(content) is int:
        return "number:" + hex(content)
    if kind == "list":
        return "[" + ",".join(map(_canonical, content)) + "]"
    if kind == "s":
        return "{" + ",".join(sorted(map(_canonical, content))) + "}"
    return f"{kind}:{json.dumps(content)}"
