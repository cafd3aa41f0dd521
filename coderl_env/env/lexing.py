"""Where the beginning of a Python program stops, lexically: in which brackets, string, comment or line.

Not here: what may follow (`coderl_env.env.completion`).
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

__all__ = ["BLANKS", "CLOSERS", "Bracket", "Stop", "find_stop", "in_field", "read_opening"]

BLANKS = " \t\f"
CLOSERS = {"": "", "(": ")", "[": "]", "{": "}"}
# The compiler allows 200; each level costs it stack, and this runs in the agent's own process.
_DEEPEST = 60
_NESTED_QUOTES = sys.version_info >= (3, 12)  # PEP 701

_LEXEME = re.compile(
    r"""(?P<comment>\#[^\r\n]*)
      |(?P<string>(?:[rR][bBfF]|[bBfF][rR]|[rRbBuUfF])?(?:\"\"\"|'''|"|'))
      |(?P<word>\w+)
      |(?P<newline>\r\n|[\r\n])
      |(?P<join>\\(?:\r\n|[\r\n]))
      |(?P<open>[(\[{])
      |(?P<close>[)\]}])
      |(?P<blank>[ \t\f]+)
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
# After these, an expression goes on.
_OPERATORS = frozenset(
    {"and", "or", "not", "in", "is", "if", "else", "for", "lambda", "import", "from", "def", "class", "del", "assert"}
    | {"with", "while", "elif", "global", "nonlocal", "as", "await", "async", "match", "case"}
)


@dataclass(slots=True)
class Bracket:
    """What a bracket, or the line itself, still waits for.

    Attributes:
        opener: the bracket; empty for the line.
        pending: what its words ask for, innermost last: `in` after `for`, `:` after `lambda`, `else` after `if`.
        loops: whether it holds a whole `for ... in`, behind which `if` asks for nothing.
    """

    opener: str
    pending: list[str] = field(default_factory=list)
    loops: bool = False


@dataclass(slots=True)
class Stop:
    """Where a text stops.

    Attributes:
        brackets: the logical line, and the brackets that are open in it, innermost last.
        lines: where logical lines start; the first is 0.
        string_start: where the string starts that the text stops in, or -1.
        comment: whether it stops in a comment.
        joined: whether its last character is a backslash outside of strings and comments.
        blank: whether the last logical line holds blanks only, or a comment.
        word: the first lexeme of the last logical line, or empty.
        colon: whether that line has a colon outside of brackets and lambdas.
        wants_operand: whether the last lexeme is one that an expression goes on after.
    """

    brackets: list[Bracket] = field(default_factory=lambda: [Bracket("")])
    lines: list[int] = field(default_factory=lambda: [0])
    string_start: int = -1
    comment: bool = False
    joined: bool = False
    blank: bool = True
    word: str = ""
    colon: bool = False
    wants_operand: bool = True


def find_stop(text: str) -> Stop | None:
    """Return where `text` stops, or None where nothing can follow: a bracket or a string that went wrong.

    Args:
        text: the beginning of a program, from the start of a logical line on.
    """
    stop = Stop()
    place, size = 0, len(text)
    while place < size:
        found = _LEXEME.match(text, place)
        assert found is not None
        kind, lexeme, end = found.lastgroup, found[0], found.end()
        if kind == "comment":
            stop.comment = end == size
        elif kind == "newline":
            _end_line(stop, end)
        elif kind == "string":
            closed = _string_end(text, end, lexeme)
            if closed is None:
                return None
            _note_first(stop, lexeme)
            stop.wants_operand = False
            if closed > size:
                stop.string_start = place
            end = closed
        elif kind == "other" and lexeme == "\\":
            if end < size:
                return None
            stop.joined, stop.blank = True, False
        elif kind not in ("blank", "join") and not _note(stop, kind, lexeme):
            return None
        place = end
    return stop if len(stop.brackets) <= _DEEPEST else None


def _end_line(stop: Stop, end: int) -> None:
    if len(stop.brackets) == 1:
        stop.lines.append(end)
        stop.brackets = [Bracket("")]
        stop.blank, stop.word, stop.colon, stop.wants_operand = True, "", False, True


def _note_first(stop: Stop, lexeme: str) -> None:
    if stop.blank:
        stop.blank, stop.word = False, lexeme


def _note(stop: Stop, kind: str | None, lexeme: str) -> bool:
    """Take a word, a bracket or an operator in; return whether anything can follow."""
    first = stop.blank
    _note_first(stop, lexeme)
    here = stop.brackets[-1]
    if kind == "word":
        _note_word(here, lexeme, first)
        stop.wants_operand = lexeme in _OPERATORS
    elif kind == "open":
        stop.brackets.append(Bracket(lexeme))
        stop.wants_operand = False
    elif kind == "close":
        if len(stop.brackets) == 1 or CLOSERS[stop.brackets.pop().opener] != lexeme:
            return False
        stop.wants_operand = False
    else:
        if lexeme == ":" and here.pending and here.pending[-1] == ":":
            here.pending.pop()
        elif lexeme == ":" and not here.opener:
            stop.colon = True
        elif lexeme == ";" and not here.opener:
            here.pending.clear()
        stop.wants_operand = lexeme not in ",;:"
    return True


def _note_word(here: Bracket, word: str, first: bool) -> None:
    if word == "for":
        here.pending.append("in")
    elif word == "lambda":
        here.pending.append(":")
    elif word == "if":
        if not first and not (here.opener and here.loops):
            here.pending.append("else")
    elif here.pending and here.pending[-1] == word:
        here.pending.pop()
        here.loops = here.loops or word == "in"


def read_opening(string: str) -> tuple[str, str, int]:
    """Return a string's prefix in lower case, its quote, and where its body starts."""
    opening = _LEXEME.match(string)
    assert opening is not None
    quote = opening[0].lstrip("rRbBuUfF")
    return opening[0][: -len(quote)].lower(), quote, opening.end()


def _string_end(text: str, place: int, opening: str) -> int | None:
    """Return where a string ends, more than the text's length where it does not, or None where its line ends first."""
    quote = opening.lstrip("rRbBuUfF")
    fields = _NESTED_QUOTES and "f" in opening.lower()
    while place < len(text):
        character = text[place]
        if character == "\\":
            place += 3 if text.startswith("\r\n", place + 1) else 2
        elif text.startswith(quote, place):
            return place + len(quote)
        elif character in "\r\n" and len(quote) == 1:
            return None
        elif fields and character == "{" and not text.startswith("{{", place):
            inner = _field_end(text, place + 1, quote)
            if inner is None or inner > len(text):
                return inner
            place = inner
        else:
            place += 2 if fields and text.startswith("{{", place) else 1
    return len(text) + 1


def _field_end(text: str, place: int, quote: str) -> int | None:
    """Return where a replacement field ends in which strings may have any quotes; else as `_string_end`."""
    depth = 1
    spec = False
    while place < len(text):
        found = _LEXEME.match(text, place)
        assert found is not None
        if spec and found.lastgroup in ("string", "comment"):
            if text.startswith(quote, place):
                return None
            place += 1
            continue
        if found.lastgroup == "string":
            closed = _string_end(text, found.end(), found[0])
            if closed is None or closed > len(text):
                return closed
            place = closed
            continue
        if found.lastgroup == "newline" and spec and len(quote) == 1:
            return None
        depth += {"open": 1, "close": -1}.get(found.lastgroup or "", 0)
        spec = (spec or found[0] == ":") and depth == 1
        place = found.end()
        if not depth:
            return place
    return len(text) + 1


def in_field(body: str) -> bool:
    """Whether the body of an f-string stops in a replacement field, or might: a quote in a field may hide a brace."""
    place, depth = 0, 0
    while place < len(body):
        if not depth and body[place : place + 2] in ("{{", "}}"):
            place += 2
            continue
        depth += {"{": 1, "}": -1}.get(body[place], 0)
        if depth < 0 or (depth and body[place] in "'\""):
            return True
        place += 1
    return depth > 0
