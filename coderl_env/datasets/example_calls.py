"""Examples of functions: calls with their results, and values under `Input:` and `Output:`.

Handled: `f(1, 2) == 3`, `f(1, 2) -> 3` and the other arrows, `f(1, 2) # returns 3`, `>>> f(1, 2)` with the result on
the next line, LeetCode's `Input: nums = [1, 2], k = 3` with `Output: 2`, and `For n = 3 the output should be 6`.
Arguments and results must be literals; they may use JSON's true, false and null. Given up: names, expressions, results
followed by prose, and an input with two results.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from coderl_env.problem import CallCase

__all__ = ["call_examples", "parameters"]

_VERB = r"(?:should )?(?:returns?|equals?|gives)\b"
_ARROW = re.compile(
    r"\s*(?:={1,3}>|-{1,3}>|={2,3}|=|[\u2192\u21d2\u279e]"
    rf"|(?:#|//)\s*(?:=>|->|={{2,3}}|\u2192|{_VERB})?|{_VERB})\s*:?\s*"
)
_INPUT = re.compile(r"^[ \t]*\**Input\**:\**[ \t]*(?P<value>(?:.*\n)+?)[ \t]*\**Output\**:\**[ \t]*", re.MULTILINE)
_SHOULD_BE = re.compile(
    r"^[ \t]*For (?P<value>\w+ = .*?),? the (?:output|result) should be (?P<result>.*)$", re.MULTILINE
)
_VALUE_END = re.compile(r"\n[ \t]*\n|\n[ \t]*(?:\**Expl|\**Example|\**Note|\**Input|\**Constraints)|\Z", re.IGNORECASE)
_WORDS = {"true": True, "false": False, "null": None, "nil": None}
_OPEN, _CLOSE = "([{", ")]}"


def call_examples(statement: str, entry_point: str, starter_code: str = "") -> tuple[CallCase, ...]:
    """Return the examples of a statement, in order; none where it is not certain what they are.

    Args:
        statement: the text.
        entry_point: the function; in the text its words may be written together (`isPrime` for `is_prime`).
        starter_code: text that may hold its signature, to check the number and the names of the arguments.
    """
    names = parameters(entry_point, starter_code)
    found = [*_calls(statement, entry_point, names), *_inputs(statement, names)]
    cases: dict[str, CallCase] = {}
    for case in found:
        key = repr(case.args)
        if key in cases and repr(cases[key].expected) != repr(case.expected):
            return ()
        cases[key] = case
    # A function that returns lists in one line and numbers in another was probably an element's name in one of them.
    kinds = {type(case.expected) for case in cases.values()}
    return () if list in kinds and kinds & {int, float} else tuple(cases.values())


def parameters(entry_point: str, starter_code: str) -> tuple[str, ...] | None:
    """Return the names of the function's parameters without `self`, or None where they are unknown or open-ended."""
    for ending in (" pass", ""):
        try:
            tree = ast.parse(starter_code.rstrip() + ending)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name == entry_point:
                signature = node.args
                if signature.vararg or signature.kwarg or signature.kwonlyargs or signature.defaults:
                    return None
                return tuple(item.arg for item in [*signature.posonlyargs, *signature.args] if item.arg != "self")
    return None


def _calls(statement: str, entry_point: str, names: Sequence[str] | None) -> Iterator[CallCase]:
    words = r"_?".join(re.escape(character) for character in entry_point.replace("_", ""))
    for match in re.finditer(rf"(?<![\w.]){words}(?=\()", statement, re.IGNORECASE):
        end = _closing(statement, match.end())
        if end is None:
            continue
        args = _arguments(statement[match.end() + 1 : end], names)
        line_end = statement.find("\n", end)
        rest = statement[end + 1 : line_end if line_end >= 0 else None]
        prompt = statement[statement.rfind("\n", 0, match.start()) + 1 : match.start()].strip()
        if prompt == ">>>" and not _ARROW.match(rest):
            arrow, rest = not rest.strip(), statement[line_end + 1 :].partition("\n")[0] if line_end >= 0 else ""
        else:
            begin = _ARROW.match(rest)
            arrow, rest = begin is not None, rest[begin.end() :] if begin else ""
        value = _result(rest) if arrow else None
        if args is not None and value is not None:
            yield CallCase(args, value[0])


def _inputs(statement: str, names: Sequence[str] | None) -> Iterator[CallCase]:
    if names is None:
        return
    for match in _INPUT.finditer(statement):
        end = _VALUE_END.search(statement, match.end())
        value = _literal(statement[match.end() : end.start() if end else None])
        args = _assigned(match["value"].strip(), names)
        if args is not None and value is not None:
            yield CallCase(args, value[0])
    for match in _SHOULD_BE.finditer(statement):
        value = _result(match["result"])
        args = _assigned(match["value"].strip(), names)
        if args is not None and value is not None:
            yield CallCase(args, value[0])


def _assigned(text: str, names: Sequence[str]) -> tuple[Any, ...] | None:
    """Return the arguments of `a = 1, b = [2]`, in the order of the parameters, or of plain values `1, [2]`."""
    pieces = _split(text)
    named = [re.fullmatch(r"(\w+)\s*=(?!=)\s*(.*)", piece, re.DOTALL) for piece in pieces]
    if all(named) and len(pieces) > 1:
        by_name = {match[1]: match[2] for match in named if match}
        if set(by_name) == set(names):
            pieces = [by_name[name] for name in names]
        elif any(name in names and names.index(name) != place for place, name in enumerate(by_name)):
            return None
        else:
            pieces = list(by_name.values())
    elif all(named):
        pieces = [match[2] for match in named if match]
    elif any(named):
        return None
    values = [_literal(piece) for piece in pieces]
    if len(values) != len(names) or any(value is None for value in values):
        return None
    return tuple(value[0] for value in values if value is not None)


def _arguments(text: str, names: Sequence[str] | None) -> tuple[Any, ...] | None:
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not isinstance(call, ast.Call) or call.keywords or (names is not None and len(call.args) != len(names)):
        return None
    values = [_constant(node) for node in call.args]
    return None if any(value is None for value in values) else tuple(value[0] for value in values if value is not None)


def _result(text: str) -> tuple[Any] | None:
    """Return the value at the beginning of the rest of a line, if nothing but a comment or a full stop follows."""
    shown = re.split(r"(?<=\s)(?://|#)", text, maxsplit=1)[0].strip().rstrip("`").strip()
    for candidate in (shown.rstrip(".;,"), shown):  # `5.` at the end of a sentence is the integer
        value = _literal(candidate)
        if value is not None:
            return value
    return None


def _literal(text: str) -> tuple[Any] | None:
    """Return the value of a literal as a tuple of one, or None; `1, 2` without parentheses is none."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    # Without parentheses a tuple may be prose; with them, anything else may be meant to be a tuple of one.
    if isinstance(node, ast.Tuple) != text.strip().startswith("("):
        return None
    return _constant(node)


def _constant(node: ast.expr) -> tuple[Any] | None:
    try:
        return (ast.literal_eval(_JsonWords().visit(node)),)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


class _JsonWords(ast.NodeTransformer):
    """Turns true, false and null into Python's."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_WORDS[node.id]) if node.id in _WORDS else node


def _closing(text: str, start: int) -> int | None:
    """Return the index of the bracket that closes the one at `start`, within 2,000 characters, minding strings."""
    depth = 0
    quote = ""
    index = start
    while index < min(len(text), start + 2000):
        character = text[index]
        if quote:
            if character == "\\":
                index += 1
            elif character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth == 0:
                return index
        index += 1
    return None


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets and strings."""
    pieces = [""]
    depth = 0
    quote = ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[index - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        if character == "," and not depth and not quote:
            pieces.append("")
        else:
            pieces[-1] += character
    return [piece.strip() for piece in pieces]
