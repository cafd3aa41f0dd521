"""Examples of programs that read standard input: blocks under the headings `Input` and `Output`.

Handled: a section `Examples` (or `Sample Tests` and the like) with `Input` and `Output`, numbered or not, with the
content below or behind a colon; and headings `Sample Input` and `Sample Output` of their own. A heading may stand
between dashes, as in APPS, or behind `#`; content may stand in a fenced block. Given up: headings that do not
alternate, values that are given as assignments (`k = 3`), HTML entities, and an output that runs on into prose. Where
the same input is shown with several outputs, the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from coderl_env.problem import StdioCase

__all__ = ["block_examples"]

_DASHED = re.compile(r"^\s*-{3,}\s*(.*?)\s*-{3,}\s*$")
_REGION = re.compile(r"(?:sample|example)s?(?: test)?(?: cases?| tests?)?(?: ?#?\d+)?", re.IGNORECASE)
_MARKER = re.compile(
    r"(?P<sample>(?:sample|example)s?(?: case| test)? )?(?:standard )?(?P<kind>input|output)s?"
    r"(?: for (?:the )?(?:sample|example) (?:input|output))?(?: ?#?\d+)?",
    re.IGNORECASE,
)
_END = re.compile(
    r"(?:notes?|explanations?|constraints?|scoring|limits|hints?|remarks?|subtasks?|comments?|clarifications?)"
    r"(?: (?:of|for|to) .*| #?\d+)?|(?:sample |example )?explanations?.*",
    re.IGNORECASE,
)
_TITLE = re.compile(r"#{2,4} [A-Z][a-z]+\b.*")
_WORD = re.compile(r"[A-Za-z]{2,}")
_PROSE_WORDS = 6
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|nbsp);")
_ASSIGNMENT = re.compile(r"\s*[A-Za-z_]\w* = \S")


@dataclass(slots=True)
class _Block:
    """The lines under one heading."""

    kind: str
    lines: list[str] = field(default_factory=list)

    def text(self) -> str:
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
        if len(lines) > 1 and lines[0].startswith("```") and "```" in lines[1:]:
            lines = lines[1 : lines.index("```", 1)]
        return "\n".join(lines) + "\n" if lines else ""


def block_examples(statement: str) -> tuple[StdioCase, ...]:
    """Return the examples of a statement, in order; none where it is not certain what they are."""
    blocks = list(_blocks(statement))
    kinds = [block.kind for block in blocks]
    if not blocks or kinds != ["input", "output"] * (len(blocks) // 2):
        return ()
    texts = [block.text() for block in blocks]
    if not all(texts) or any(map(_ASSIGNMENT.match, texts[0::2])) or any(map(_ENTITY.search, texts)):
        return ()
    outputs: dict[str, str] = {}
    for stdin, expected in zip(texts[0::2], texts[1::2], strict=True):
        outputs.setdefault(stdin, expected)
    return tuple(StdioCase(stdin, expected) for stdin, expected in outputs.items() if not _runs_into_prose(expected))


def _runs_into_prose(output: str) -> bool:
    """Whether a sentence follows behind an empty line: an explanation without a heading, as it seems."""
    behind = output.partition("\n\n")[2].split("\n")
    return any(len(_WORD.findall(line)) >= _PROSE_WORDS for line in behind)


def _blocks(statement: str) -> Iterator[_Block]:
    """Yield the blocks of the examples; a block ends where the next begins, or at a heading that is no part of them."""
    inside = False
    block: _Block | None = None
    for line in statement.split("\n"):
        heading, dashed = _heading(line)
        marker = _MARKER.fullmatch(heading)
        inline = None
        if marker is None and inside and ":" in line:
            head, _, rest = line.strip().partition(":")
            marker, inline = _MARKER.fullmatch(head.strip(" *")), rest
        if marker is not None and (inside or marker["sample"]) and not (dashed and not marker["sample"] and not inside):
            inside = True
            if block is not None:
                yield block
            block = _Block(marker["kind"].lower(), [inline.strip()] if inline and inline.strip() else [])
        elif _REGION.fullmatch(heading):
            inside = True
            if block is not None:
                yield block
            block = None
        elif dashed or _END.fullmatch(heading) or _TITLE.fullmatch(line.strip()):
            if block is not None:
                yield block
            block = None
            inside = False
        elif block is not None:
            block.lines.append(line)
    if block is not None:
        yield block


def _heading(line: str) -> tuple[str, bool]:
    """Return the line as a heading, without its decoration, and whether it stood between dashes."""
    dashed = _DASHED.match(line)
    text = dashed[1] if dashed else line
    return text.strip().lstrip("#").strip(" *").removesuffix(":").strip(" *"), dashed is not None
