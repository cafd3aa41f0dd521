"""Programs and messages of strangers as text that can be shown: no control characters, no hidden directions."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

__all__ = ["judgement_line", "shown_text"]

_LONGEST = 6000
_LONGEST_MESSAGE = 160


def shown_text(text: str, longest: int = _LONGEST) -> str:
    """Return `text` with each character that is not shown, or that turns the direction of others, as an escape.

    >>> shown_text("a\\x00b")
    'a\\\\x00b'
    """
    cut = text[:longest]
    shown = "".join(
        # Other, format: controls, surrogates, and the marks that make a program read otherwise than it runs.
        character if character in "\n\t" or not unicodedata.category(character).startswith("C") else _escape(character)
        for character in cut
    )
    return shown if len(text) <= longest else f"{shown} ... ({len(text) - longest} more characters)"


def judgement_line(judgement: Mapping[str, Any] | None) -> str:
    """Return one line of what became of a program: tests accepted, and how the first other one ended."""
    if judgement is None:
        return "no judgement was kept"
    if judgement.get("compile_error"):
        return shown_text(" ".join(str(judgement["compile_error"]).split()), _LONGEST_MESSAGE)
    cases = judgement.get("cases", [])
    verdicts = [case["verdict"] for case in cases]
    accepted = verdicts.count("accepted")
    line = f"{accepted} of {len(cases)} tests accepted"
    first = next((number for number, verdict in enumerate(verdicts) if verdict != "accepted"), None)
    if first is None:
        return line
    case = cases[first]
    place = f" in line {case['error_line']}" if case.get("error_line") else ""
    error = f" ({case['error_type']}{place}: {case.get('error_message', '')})" if case.get("error_type") else ""
    ending = f"{line}; test {first + 1}: {verdicts[first].replace('_', ' ')}{error}"
    return shown_text(" ".join(ending.split()), _LONGEST_MESSAGE)


def _escape(character: str) -> str:
    return ascii(character)[1:-1]
