"""Rows of JSON data: reading them with their place, and checked access to their fields.

Not here: what the fields mean (`coderl_env.datasets.formats`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coderl_env.datasets.dataset import DatasetError

__all__ = ["Row", "parse_integer", "parse_json", "parse_rows", "read_rows", "read_text", "shown"]

_DIGITS_AT_ONCE = 4000  # Python refuses to convert more than 4,300 digits at once unless a global setting is changed.


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a data file.

    Attributes:
        fields: the JSON object.
        where: file and line, for messages.
    """

    fields: Mapping[str, Any]
    where: str

    def fault(self, what: str) -> DatasetError:
        """Return the error that says `what` is wrong with this row, where, and what to do."""
        return DatasetError(f"{self.where}: {what}; mend or remove that row, or fetch the data again")

    def has(self, name: str) -> bool:
        """Whether the field is there and is not null."""
        return self.fields.get(name) is not None

    def text(self, *names: str) -> str:
        """Return the string under the first of `names` that is there.

        Raises:
            DatasetError: none is there, or it is no string.
        """
        for name in names:
            if self.has(name):
                return self._string(name)
        raise self.fault(f"the field {' or '.join(map(repr, names))} is missing")

    def optional_text(self, *names: str) -> str | None:
        """Return the string under the first of `names` that is there, or None.

        Raises:
            DatasetError: it is there, but is no string.
        """
        return next((self._string(name) for name in names if self.has(name)), None)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings, itself or as the text of a JSON list; empty where the field is missing or empty.

        Raises:
            DatasetError: it is anything else.
        """
        values = self.embedded(name)
        if values is None:
            return ()
        if not isinstance(values, list):
            raise self.fault(f"{name!r} must be a list of strings, not {shown(values)}")
        for value in values:
            if not isinstance(value, str):
                raise self.fault(f"{name!r} must hold strings, not {shown(value)}")
        return tuple(values)

    def embedded(self, name: str) -> Any:
        """Return a field that may be JSON text inside JSON, as in the Hub's APPS rows; None where missing or empty.

        Raises:
            DatasetError: it is text, but not JSON.
        """
        value = self.fields.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return parse_json(value)
        except ValueError as error:
            raise self.fault(f"{name!r} is not valid JSON ({error})") from None

    def _string(self, name: str) -> str:
        value = self.fields[name]
        if not isinstance(value, str):
            raise self.fault(f"{name!r} must be a string, not {shown(value)}")
        return value


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSON Lines file; blank lines are passed over.

    Raises:
        DatasetError: the file cannot be read, or a line is no JSON object.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            yield from parse_rows(lines, str(path))
    except OSError as error:
        raise DatasetError(f"cannot read {path} ({error.strerror}); check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text ({error.reason}); fetch the file again") from None


def parse_rows(lines: Iterable[str], name: str) -> Iterator[Row]:
    """Yield the rows of the lines of a file called `name`; blank lines are passed over.

    Raises:
        DatasetError: a line is no JSON object.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(line, f"{name}, line {number}")


def read_text(path: Path) -> str:
    """Return a text file's content with its line ends as they are.

    Raises:
        DatasetError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise DatasetError(f"cannot read {path} ({error.strerror}); check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text ({error.reason}); fetch the file again") from None


def parse_json(text: str) -> Any:
    """Parse JSON whose integers may be of any length; some of APPS go beyond Python's default digit limit.

    Raises:
        ValueError: the text is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(text, parse_int=parse_integer)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def parse_integer(digits: str) -> int:
    """Return the integer that a decimal literal of any length names.

    Unlike `sys.set_int_max_str_digits`, which holds for the whole process, this changes nothing elsewhere.

    >>> parse_integer("-" + "1" * 5000) == -((10**5000 - 1) // 9)
    True
    """
    if len(digits) <= _DIGITS_AT_ONCE:
        return int(digits)
    negative = digits.startswith("-")
    value = 0
    body = digits.lstrip("+-")
    for start in range(0, len(body), _DIGITS_AT_ONCE):
        part = body[start : start + _DIGITS_AT_ONCE]
        value = value * 10 ** len(part) + int(part)
    return -value if negative else value


def shown(value: Any) -> str:
    """Return `value` as short text for a message, whatever it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 1000:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = repr(value)
    except ValueError:  # an integer beyond the digit limit somewhere inside
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def _row(line: str, where: str) -> Row:
    try:
        fields = parse_json(line)
    except ValueError as error:
        raise DatasetError(
            f"{where}: not valid JSON ({error}); each line must be one JSON object; mend it or fetch the file again"
        ) from None
    if not isinstance(fields, dict):
        raise DatasetError(f"{where}: a row must be a JSON object, not {shown(fields)}; mend or remove the line")
    return Row(fields, where)
