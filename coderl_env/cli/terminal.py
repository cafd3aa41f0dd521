"""What the command line writes: tables and progress on the screen, JSON where asked, errors as one sentence.

Standard output carries the result and nothing else, so that it can be piped; what is said on the way goes to standard
error.

    Stopped (Exception)     the user pressed Ctrl-C; the message says how to go on. Exit status 130.
"""

from __future__ import annotations

import errno
import json
import sys

from rich.console import Console
from rich.table import Table

__all__ = ["Stopped", "describe", "emit_json", "emit_table", "printable", "progress_console", "say"]

_REMEDIES = {
    errno.ENOSPC: "free some space there, or name another folder",
    errno.EDQUOT: "free some space there, or name another folder",
    errno.EROFS: "name a folder that can be written",
    errno.EACCES: "check the permissions, or name another folder",
    errno.EPERM: "check the permissions, or name another folder",
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file, not a folder",
    errno.ENOTDIR: "check the path",
}


class Stopped(Exception):  # noqa: N818 - the user's wish is no error
    """The user stopped the command; the message says what is left and how to go on."""


def emit_json(value: object) -> None:
    """Print `value` as JSON on standard output; lone surrogates and the like are escaped."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def emit_table(table: Table) -> None:
    """Print a table on standard output, at full width where that is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(table)


def progress_console() -> Console:
    """Return the console of everything that is said on the way."""
    return Console(stderr=True, highlight=False)


def say(sentence: str) -> None:
    """Print a sentence on standard error."""
    sys.stderr.write(sentence + "\n")


def describe(error: BaseException) -> str:
    """Return one line that says what an error is about and, for the system's, what can be done."""
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        remedy = _REMEDIES.get(error.errno)
        return _one_line(f"{place}{error.strerror}" + (f"; {remedy}" if remedy else ""))
    return _one_line(str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def printable(text: str, length: int = 200) -> str:
    """Return `text` on one line, at most `length` characters, with control characters as escapes.

    What a program writes must not steer the terminal it is shown on.

    >>> printable("a\\x1b[31m b")
    'a\\\\x1b[31m b'
    """
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text[: length + 1]
    )
    return shown if len(shown) <= length else shown[: length - 3] + "..."
