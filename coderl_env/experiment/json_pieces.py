"""JSON texts that are parsed piece by piece, so that a file of any size takes the memory of one of its values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from coderl_env.datasets import DatasetError
from coderl_env.datasets.rows import parse_integer, shown

__all__ = ["JsonPieces", "first_character", "members"]

_BLOCK = 1 << 20  # characters read at a time
_LARGEST = 1 << 28  # characters of one value


def first_character(file: IO[str]) -> str:
    """Return the first character of a file that is no white space, and leave the file at its start."""
    text = file.read(1024).lstrip()
    file.seek(0)
    return text[:1]


def members(file: IO[str], name: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of the JSON object that a file is, with one of them in memory at a time.

    Raises:
        DatasetError: the file, called `name`, is no JSON object.
    """
    pieces = JsonPieces(file, name)
    pieces.expect("{")
    while not pieces.skip("}"):
        key = pieces.value()
        if not isinstance(key, str):
            raise DatasetError(f"{name}: a key must be text, not {shown(key)}")
        pieces.expect(":")
        yield key, pieces.value()
        if not pieces.skip(","):
            pieces.expect("}")
            return


class JsonPieces:
    """A JSON text that is parsed value by value while it is read.

    Args:
        file: the text.
        name: what it is called in messages.

    Raises:
        DatasetError: from every method: the text is not JSON there, or one value is too large.
    """

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder(parse_int=parse_integer)

    def skip(self, mark: str) -> bool:
        """Pass over `mark`, and say whether it was there."""
        if self._next() != mark:
            return False
        self._at += 1
        return True

    def expect(self, mark: str) -> None:
        """Pass over `mark`, which has to be there."""
        if not self.skip(mark):
            raise self._fault(f"{mark!r} is missing")

    def value(self) -> Any:
        """Return the value that begins here."""
        self._next()
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._text, self._at)
            except RecursionError:
                raise self._fault("it is nested too deeply") from None
            except ValueError as error:
                # Either it is wrong, or its end has not been read yet.
                if not self._more():
                    raise self._fault(str(error)) from None
            else:
                return value

    def _next(self) -> str:
        """Return the next character that is no white space, or an empty text at the end."""
        while True:
            rest = self._text[self._at : self._at + 64].lstrip()
            if rest:
                self._at += len(self._text[self._at : self._at + 64]) - len(rest)
                return rest[0]
            self._at = min(self._at + 64, len(self._text))
            if self._at == len(self._text) and not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, as much again as is held; say whether there was more."""
        if self._ended or len(self._text) - self._at > _LARGEST:
            return False
        held = self._text[self._at :]
        block = self._file.read(max(_BLOCK, len(held)))
        self._ended = not block
        self._text, self._at = held + block, 0
        return bool(block)

    def _fault(self, what: str) -> DatasetError:
        near = self._text[self._at : self._at + 40]
        return DatasetError(f"{self._name} is not valid JSON near {near!r} ({what}); mend it or make the file again")
