r"""The end of a program: given its beginning, a short text that makes a valid Python program of it.

A beginning that has such an end is a prefix of valid Python. Grammar engines for language models cannot tell: Python's
indentation is not context-free (llguidance and xgrammar have no notion of it), and many a syntax error is none of the
grammar (`return` outside a function, a keyword argument given twice). The compiler can, for whole programs: so ends are
guessed, guided by it, and each guess is compiled. Nothing is ever run.

What is found is right, whatever the guesses are. What is not found may still exist; known to be missed are

1. a name with other than ASCII characters, cut in the middle of a character's bytes;
2. `\N{...}` cut inside of most names, and an encoding's declaration cut inside of an unusual one;
3. brackets nested more than sixty deep;
4. from Python 3.12 on, the inner of two nested f-strings;
5. an end that needs more than a few unusual parts at once.

What stands far above has hardly a say in what may follow. To compile little, complete statements are left out: those at
top level but for the last, and inside of that, all that are no headers of blocks. Each was compiled when it was
written. Where a `global`, a `nonlocal`, an `async` or the like is about, which reach further, nothing is left out.

Not here: tokens and masks (`coderl_env.wrappers.syntax_mask`).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise

from coderl_env.env.compiling import fault, is_expression, is_valid, may_go_on, quiet
from coderl_env.env.ending import (
    Block,
    Situation,
    enter,
    first_ends,
    is_mendable,
    next_parts,
    open_field,
    usual_tails,
)
from coderl_env.env.lexing import BLANKS, Stop, find_stop, in_field, read_opening

__all__ = ["Beginning", "is_valid"]

_MOST_GUESSES = 40
_LONGEST_END = 60
_MOST_STRING_ENDS = 4

# What a line at top level may begin with and still belong to the statement above, as far as it is written.
_CONTINUATIONS = ("else", "elif", "except", "finally")
_HEADERS = frozenset(
    {"if", "elif", "else", "for", "while", "with", "try", "except", "finally", "def", "class", "async", "match", "case"}
    | {"@", "\\"}
)
# Where one of these is, what stands far above has a say.
_REACHES_FAR = re.compile(r"\b(?:global|nonlocal|async|__future__)\b|coding[:=]")
_WORD = re.compile(r"[^\W\d]\w*")
_LAST_WORD = re.compile(r"\w*\Z")
_ESCAPE_PART = re.compile(r"\\(?:x[0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|N(?:\{[^}]*)?)\Z")


@dataclass(frozen=True, slots=True)
class _Line:
    """A complete logical line: where it starts, the blanks at its front, its first word, and where it ends."""

    start: int
    indent: str
    word: str
    end: int


class Beginning:
    """The beginning of a program, and what may follow it.

    Attributes:
        text: the beginning.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: tuple[_Line, ...] = ()
        self._boundary = 0
        self._settled = False
        self._take_lines(find_stop(text))

    def then(self, more: str) -> Beginning:
        """Return the beginning that goes on with `more`, for which `complete` found an end."""
        longer = object.__new__(Beginning)
        longer.text = self.text + more
        longer._lines, longer._boundary, longer._settled = self._lines, self._boundary, True
        longer._take_lines(find_stop(longer.text[self._boundary :]))
        return longer

    def _take_lines(self, stop: Stop | None) -> None:
        """Add the complete lines among those that `stop` has."""
        if stop is None:
            return
        text, offset = self.text, self._boundary
        starts = [offset + line for line in stop.lines]
        lines = [_read_line(text, start, end) for start, end in pairwise(starts)]
        self._lines += tuple(line for line in lines if line.word)
        self._boundary = starts[-1]

    def complete(
        self, more: str = "", first_guess: str | None = None, fits: Callable[[str], bool] | None = None
    ) -> str | None:
        r"""Return a short end that makes a valid program of the beginning and `more`, or None where none is found.

        Args:
            more: what is written after the beginning.
            first_guess: what to try first, such as the end of the beginning itself.
            fits: which ends are short enough, where that matters.

        >>> Beginning("if x").complete()
        ':y'
        >>> Beginning("x = ").complete("= ") is None
        True
        """
        tail = self.text[self._boundary :] + more
        stop = find_stop(tail)
        if stop is None:
            return None
        context = self._context
        if _REACHES_FAR.search(tail) or not self._settled:
            context = self.text[: self._boundary]
        wanted = fits or _any
        with quiet():
            if first_guess is not None and wanted(first_guess) and fault(context + tail + first_guess) is None:
                return first_guess
            return _search(self._situation(context, tail, stop), wanted)

    def forbidden_characters(self, end: str) -> str | None:
        """Return which characters more text must not hold so that `end` surely stays an end; None where it might not.

        Within a comment and within a string, plain characters change nothing.

        Args:
            end: an end of the beginning.
        """
        stop = self._stop
        if stop is None:
            return None
        if stop.comment:
            # The first two lines may declare an encoding.
            return "\0\n\r" if self.text.count("\n") > 1 else None
        if stop.string_start < 0:
            return None
        string = self.text[self._boundary + stop.string_start :]
        prefix, quote, start = read_opening(string)
        body = string[start:]
        unfinished = body.endswith((quote[0], "\\", "{", "}")) or ("r" not in prefix and _ESCAPE_PART.search(body))
        if unfinished or not end.startswith(quote) or "b" in prefix or ("f" in prefix and in_field(body)):
            return None
        return "\0\\" + quote[0] + ("\n\r" if len(quote) == 1 else "") + ("{}" if "f" in prefix else "")

    @property
    def in_code(self) -> bool:
        """Whether the beginning stops outside of strings and comments."""
        return self._stop is not None and not self._stop.comment and self._stop.string_start < 0

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that matter for what may follow, and what is written like one."""
        return frozenset(_WORD.findall(self._context + self.text[self._boundary :]))

    @cached_property
    def last_word(self) -> str:
        """The letters, digits and underscores that the beginning stops with."""
        found = _LAST_WORD.search(self.text, max(self._boundary, len(self.text) - 200))
        return found[0] if found else ""

    @cached_property
    def _stop(self) -> Stop | None:
        return find_stop(self.text[self._boundary :])

    @cached_property
    def _context(self) -> str:
        """What is compiled of the complete lines."""
        text, lines = self.text, self._lines
        if not self._settled or _REACHES_FAR.search(text):
            return text[: self._boundary]
        pieces: list[str] = []
        first = _first_that_matters(lines)
        for line in lines[first:-1]:
            piece = text[line.start : line.end] if line.word in _HEADERS else f"{line.indent}pass\n"
            if not pieces or pieces[-1] != piece or line.word in _HEADERS:
                pieces.append(piece)
        # The last may be the beginning of what the next belongs to.
        return "".join((*pieces, *(text[line.start : line.end] for line in lines[-1:])))

    def _situation(self, context: str, tail: str, stop: Stop) -> Situation:
        starts = [*stop.lines, len(tail)]
        more = [_read_line(tail, start, end) for start, end in pairwise(starts[:-1])]
        blocks: list[Block] = []
        for line in (*self._lines[_first_that_matters(self._lines) :], *more):
            if line.word:
                enter(blocks, line.indent, line.word)
        return Situation.of(context + tail, tail, tuple(blocks), stop)


def _any(end: str) -> bool:
    return True


def _read_line(text: str, start: int, end: int) -> _Line:
    """Return a complete logical line; its word is empty where it is blank or a comment."""
    place = start
    while place < end and text[place] in BLANKS:
        place += 1
    if place == end or text[place] in "\r\n#":
        return _Line(start, "", "", end)
    found = _WORD.match(text, place)
    return _Line(start, text[start:place], found[0] if found else text[place], end)


def _first_that_matters(lines: tuple[_Line, ...]) -> int:
    """Return the number of the line where the last statement at top level starts."""
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if line.indent or line.word == "@" or line.word in _CONTINUATIONS:
            continue
        # Decorators belong to what they decorate.
        while number and lines[number - 1].word == "@" and not lines[number - 1].indent:
            number -= 1
        return number
    return 0


def _search(now: Situation, wanted: Callable[[str], bool]) -> str | None:
    """Return the likeliest end that compiles: guesses are tried from few and usual parts to many and rare ones."""
    depth = len(now.stop.brackets) - 1
    heap: list[tuple[float, int, str, int]] = []
    seen: set[str] = set()
    lengthened: set[str] = set()

    def is_end(end: str) -> bool:
        seen.add(end)
        return fault(now.region + end) is None

    def lengthen(end: str, cost: float, depth: int, trouble: str) -> None:
        lengthened.add(end)
        for part, more_cost, closed in next_parts(now, end, depth, trouble):
            heapq.heappush(heap, (cost + more_cost, len(end + part), end + part, depth - closed))

    heads = _string_heads(now) if now.string else first_ends(now)
    for head in dict.fromkeys(heads):
        if not wanted(head):
            continue
        trouble = None
        # Nearly always, the first of these it is, or nothing can follow at all.
        for tail in usual_tails(now, head):
            if head + tail not in seen and wanted(head + tail) and is_end(head + tail):
                return head + tail
            trouble = may_go_on(now.region + head) if trouble is None else trouble
            if trouble is None or not is_mendable(trouble):
                break
        if trouble is not None and is_mendable(trouble):
            lengthen(head, 0.5 if head else 0.0, depth, trouble)
    for _ in range(_MOST_GUESSES):
        if not heap:
            break
        cost, _, end, depth = heapq.heappop(heap)
        if not wanted(end):
            continue
        if end not in seen and is_end(end):
            return end
        trouble = may_go_on(now.region + end) if len(end) < _LONGEST_END and end not in lengthened else None
        if trouble is not None and is_mendable(trouble):
            lengthen(end, cost, depth, trouble)
    return None


def _string_heads(now: Situation) -> list[str]:
    """Return ends of the string that the text stops in, the likeliest first.

    The string alone is compiled, which takes a small part of the time that the whole does.
    """
    heads = first_ends(now)
    field = open_field(now.string)
    if field is not None:
        # In parentheses the expression may hold whatever a field may.
        end = Beginning(f"({field}").complete()
        if end is None:
            return []
        heads = chain([f"{end[:-1]}}}{read_opening(now.string)[1]}"], heads)
    right = (head for head in dict.fromkeys(heads) if is_expression(now.string + head))
    return list(islice(right, _MOST_STRING_ENDS))
