"""Guesses at the end of a program, from where its beginning stops; the compiler decides what they are worth.

Not here: the search among them (`coderl_env.env.completion`).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass

from coderl_env.env.lexing import BLANKS, CLOSERS, Bracket, Stop, find_stop, in_field, read_opening

__all__ = ["Block", "Situation", "enter", "first_ends", "is_mendable", "next_parts", "open_field", "usual_tails"]

Block = tuple[str, str]
"""A line that the text is inside of, or beside: its indentation and its first word."""

_KEYWORDS = (*keyword.kwlist, "match", "case")
_HEADERS = frozenset(["if", "elif", "else", "for", "while", "with", "try", "except", "finally", "def", "class"])
_NUMBER_PART = re.compile(r"(?:\b0[xXoObB]_?|\b\d[\d_]*_|\b\d[\d_]*\.?[\d_]*[eE][+-]?)\Z")
_STRING_PREFIX = re.compile(r"\b(?:[rR][bBfF]?|[bBfF][rR]?|[uU])\Z")
_ESCAPE_PART = re.compile(r"\\(?:x[0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7})\Z")
_NAME_PART = re.compile(r"\\N(?:\{[^}]*)?\Z")
_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}
_ENCODING_PART = re.compile(r"\A[^\r\n]*(?:\r?\n[^\r\n]*)?#.*?coding[:=][ \t]*([-\w.]*)\Z")
_ENCODINGS = (
    "utf-8",
    "utf8",
    "utf_8",
    "latin-1",
    "latin1",
    "ascii",
    "us-ascii",
    "cp1252",
    "cp1251",
    "iso-8859-1",
    "gbk",
)
_UNBOUND = re.compile(r"no binding for nonlocal '\w+' found")
_NONLOCAL = re.compile(r"\bnonlocal\b([\w ,]*)")


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the guesses rest on.

    Attributes:
        region: the text that is compiled; it starts at top level.
        line: its last logical line.
        blocks: the lines above that it is inside of, and the last one beside it, outermost first.
        stop: where it stops, from the start of some logical line on.
        string: the string that it stops in, from its prefix on, or empty.
        name: a name that the text does not use.
    """

    region: str
    line: str
    blocks: tuple[Block, ...]
    stop: Stop
    string: str
    name: str

    @classmethod
    def of(cls, region: str, tail: str, blocks: tuple[Block, ...], stop: Stop) -> Situation:
        """Return the situation of a region whose last part, `tail`, stops at `stop`."""
        string = tail[stop.string_start :] if stop.string_start >= 0 else ""
        name = next((name for name in "yxzwqkvuj" if not re.search(rf"\b{name}\b", region)), "y_")
        return cls(region, tail[stop.lines[-1] :], blocks, stop, string, name)

    @property
    def indent(self) -> str:
        """The blanks at the front of the last logical line."""
        return self.line[: len(self.line) - len(self.line.lstrip(BLANKS))]

    @property
    def levels(self) -> tuple[str, ...]:
        """The indentations that are open where the last logical line starts, outermost first."""
        return tuple(dict.fromkeys(("", *(indent for indent, _ in self.blocks))))


def enter(blocks: list[Block], indent: str, word: str) -> None:
    """Make a line with that indentation and first word the last of `blocks`."""
    while blocks and len(blocks[-1][0]) >= len(indent):
        blocks.pop()
    blocks.append((indent, word))


def is_mendable(fault: str) -> bool:
    """Whether more text may mend what the compiler, not the grammar, says against a text.

    A starred name may become a tuple, and a nonlocal one be bound later; nothing mends a `return` at top level.
    """
    return not fault or "starred expression" in fault or _UNBOUND.match(fault) is not None


def usual_tails(now: Situation, head: str) -> Iterator[str]:
    """Yield what likely makes a program of the text and `head`, an end of its last lexeme: few guesses."""
    line = now.line + head
    stop = find_stop(line)
    if stop is None or stop.string_start >= 0 or stop.joined:
        return
    last = line[stop.lines[-1] :]
    blocks = list(now.blocks)
    if not stop.blank:
        enter(blocks, last[: len(last) - len(last.lstrip(BLANKS))], stop.word)
    after = _close_blocks(blocks, now.name)
    if stop.comment:
        yield ("\n" + _close_brackets(stop.brackets, now.name) if len(stop.brackets) > 1 else "") + after
        return
    gap = " " if re.search(r"[\w'\"]\Z", last) else ""
    without = _close_statement(stop, last, now.name) + after
    with_name = f"{gap}{now.name}{without}"
    wants_body = stop.colon and stop.word in _HEADERS and last.rstrip().endswith(":")
    name_first = (stop.wants_operand or wants_body) and not stop.blank
    yield from (with_name, without) if name_first else (without, with_name)
    if len(stop.brackets) > 1 and "=" in last:
        yield f"={now.name}{without}"  # behind an argument with a default or a keyword


def _close_brackets(brackets: list[Bracket], name: str) -> str:
    words = {"in": f" in {name}", "else": f" else {name}", ":": f":{name}"}
    return "".join(
        "".join(words[word] for word in reversed(bracket.pending)) + CLOSERS[bracket.opener]
        for bracket in reversed(brackets)
    )


def _close_statement(stop: Stop, line: str, name: str) -> str:
    """Return the end of a line: its brackets, its words, and a body where it is a header."""
    end = _close_brackets(stop.brackets, name)
    if stop.word in _HEADERS and not stop.colon:
        end += f"():{name}" if stop.word == "def" and "(" not in line else f":{name}"
    elif stop.word == "from" and not re.search(r"\bimport\b", line):
        end += f" import {name}"
    return end


def _close_blocks(blocks: list[Block], name: str) -> str:
    """Return what the blocks still need behind the last line: a function after decorators, a handler after `try`."""
    needed = f"\n{blocks[-1][0]}def {name}():{name}" if blocks and blocks[-1][1] == "@" else ""
    return needed + "".join(f"\n{indent}except:{name}" for indent, word in reversed(blocks) if word == "try")


def first_ends(now: Situation) -> Iterator[str]:
    """Yield what may complete the last lexeme; where a line begins, all that it may begin with."""
    stop = now.stop
    if now.string:
        yield from _string_ends(now.string, now.name)
    elif stop.joined:
        yield "\n"
    elif len(stop.brackets) > 1:
        yield "\n" if stop.comment else ""
        if not stop.comment:
            yield from _word_ends(now.line)
    elif stop.comment:
        yield ""
        declared = _ENCODING_PART.match(now.region)
        if declared:
            part = declared[1]
            yield from (name[len(part) :] for name in _ENCODINGS if name.startswith(part.lower()))
        yield from (f"\n{start}" for start in _line_starts(now, ""))
    elif stop.blank:
        yield ""
        yield from _line_starts(now, now.line)
    else:
        yield ""
        yield from _word_ends(now.line)


def _line_starts(now: Situation, blanks: str) -> Iterator[str]:
    """Yield beginnings of a line that has `blanks` at its front."""
    for level in dict.fromkeys((*reversed(now.levels), "" if now.stop.blank else now.indent)):
        for pad in (level, f"{level} "):
            if pad.startswith(blanks):
                rest = pad[len(blanks) :]
                yield from (f"{rest}{now.name}", f"{rest}except:{now.name}", f"{rest}def {now.name}():{now.name}")
                yield f"{rest}case {now.name}:{now.name}"
    # Behind a tab, more blanks than the level above has may be needed.
    yield from (now.name, f" {now.name}", f"{' ' * 8}{now.name}")


def _word_ends(line: str) -> Iterator[str]:
    """Yield what may stand where a word, a number or an operator is not yet at its end."""
    word = re.search(r"[^\W\d]\w*\Z", line)
    if word:
        yield from (item[len(word[0]) :] for item in _KEYWORDS if item.startswith(word[0]) and item != word[0])
        yield "_"  # another name, that only begins like a keyword or like a parameter that there is already
    if _STRING_PREFIX.search(line):
        yield "''"
    if _NUMBER_PART.search(line):
        yield "0"
    last = line[-1:]
    if last and last in "!=:<>+-*/%&|^@":
        yield "="
    if last == "-":
        yield ">"
    elif last == "*":
        yield "*"
    elif last == ".":
        yield "."
        yield ".."


def _string_ends(string: str, name: str) -> Iterator[str]:
    """Yield ends of a string: its quotes, after what an escape or an f-string's braces still need."""
    prefix, quote, start = read_opening(string)
    ends = [quote] if len(quote) == 1 else [quote, quote[:2], quote[:1]]
    body = string[start:]
    escapes = [""]
    if (len(body) - len(body.rstrip("\\"))) % 2:
        escapes = ["n", "\\"]
    elif "r" not in prefix:
        part = _ESCAPE_PART.search(body)
        if part:
            escapes.append("0" * (_ESCAPE_LENGTHS[part[0][1]] - len(part[0])))
        named = _NAME_PART.search(body)
        if named:
            fragment = named[0][2:]
            escapes += [end[len(fragment) :] for end in ("{DIGIT ONE}", "{BULLET}") if end.startswith(fragment)]
    inner = [""]
    if "f" in prefix:
        inner += ["}", "}}", "r}", *_field_ends(body, '"' if quote[0] == "'" else "'", name)]
    for escape in escapes:
        for middle in inner:
            yield from (escape + middle + end for end in ends)


def open_field(string: str) -> str | None:
    """Return the expression that an f-string may stop in, where that is all that its field holds; else None."""
    if not string:
        return None
    prefix, _, start = read_opening(string)
    field = string[start + string[start:].rfind("{") + 1 :]
    plain = "f" in prefix and in_field(string[start:]) and field and not set("!:=}\\") & set(field)
    return field if plain else None


def _field_ends(body: str, other_quote: str, name: str) -> Iterator[str]:
    """Yield ends of the replacement field that an f-string may stop in: of its expression, its format, its braces."""
    # In parentheses the expression may hold whatever a field may.
    expression = f"({body[body.rfind('{') + 1 :]}"
    stop = find_stop(expression)
    inner = ""
    if stop is not None and stop.string_start >= 0:
        inner = read_opening(expression[stop.string_start :])[1]
        stop = find_stop(expression + inner)
    closers = _close_brackets(stop.brackets, name)[:-1] if stop is not None and len(stop.brackets) > 1 else ""
    for braces in ("}", "}}"):
        for middle in (inner, f"{inner}{name}", f"{inner} {name}", other_quote, f":{name}"):
            yield f"{middle}{closers}{braces}"


def next_parts(now: Situation, end: str, depth: int, fault: str) -> Iterator[tuple[str, float, int]]:
    """Yield what may come after `end`, each with how unlikely it is and how many brackets it closes.

    Args:
        now: the situation.
        end: what has been guessed so far.
        depth: how many brackets are open then.
        fault: what the compiler says against the text and `end`.
    """
    name = now.name
    source = now.region[-40:] + end
    gap = " " if re.search(r"[\w'\"]\Z", source) else ""
    yield f"{gap}{name}", 1, 0
    yield f"{gap}0", 2.5, 0
    yield f"={name}", 2, 0
    yield ",", 2, 0
    yield f"{gap}in {name}", 1.5, 0
    yield f"{gap}else {name}", 1.5, 0
    if depth:
        closers = "".join(CLOSERS[bracket.opener] for bracket in reversed(now.stop.brackets[1 : depth + 1]))
        yield closers[0], 0.5, 1
        yield closers, 0.6, depth
        yield f"{gap}{name}{closers}", 1, depth
        yield f":{name}", 1, 0
        yield f"*{name}", 2, 0
        return
    yield f":{name}", 1, 0
    yield f"():{name}", 1, 0
    yield from _statement_parts(now, now.line + end, gap)
    if _UNBOUND.match(fault):
        names = {known for line in _NONLOCAL.findall(now.region + end) for known in re.findall(r"\w+", line)}
        bound = "".join(f"{known}=" for known in sorted(names))
        yield from ((f"\n{level}{bound}{name}", 0.3, 0) for level in now.levels)
    for indent, word in reversed(now.blocks):
        if word == "try":
            yield f"\n{indent}except:{name}", 0.4, 0


def _statement_parts(now: Situation, line: str, gap: str) -> Iterator[tuple[str, float, int]]:
    """Yield what the first word of a line asks for."""
    name = now.name
    first = line.split(None, 1)[0] if line.strip() else ""
    if first in ("import", "from"):
        yield f"{gap}import {name}", 0.5, 0
        if "__future__" in line:
            yield f"{gap}annotations", 0.5, 0
    if first == "async":
        yield f"{gap}def {name}():{name}", 0.5, 0
        yield f"{gap}for {name} in {name}:{name}", 0.6, 0
    if first == "match":
        yield f"\n{now.indent} case {name}:{name}", 0.5, 0
        yield f":\n{now.indent} case {name}:{name}", 0.6, 0
    if first.startswith("@"):
        yield f"\n{now.indent}def {name}():{name}", 0.5, 0
    if first == "nonlocal":
        yield from ((f"{gap}{known}", 0.5, 0) for known in sorted(set(re.findall(r"[^\W\d]\w*", now.region)))[:40])
