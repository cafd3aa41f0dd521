"""The program in a completion: what a model wrote, or the code block of a chat answer.

The rules of `extract_program(completion, "auto")`, in order:

1. Of a list of messages, the content of the last assistant message counts; of content in parts, the text parts.
2. Reasoning is no answer: everything up to the last `</think>` is left out.
3. A code block stands between fences as in CommonMark: a line of at least three backticks or tildes, indented by at
   most three blanks, closed by a line of at least as many of the same character and nothing else. What follows the
   opening fence names the language; its lines lose as many blanks as the fence is indented by. A block that nothing
   closes ends with the completion, as where an answer is cut off.
4. The last block that says it is Python (`python`, `py`, `python3`, in any case) is the program; if there is none, the
   last block that names no language. Blocks of other languages never are.
5. Without such a block the whole text is the program.

`fenced` is the same without rule 5: an answer without a block is an empty program. `raw` takes the text as it is, which
is right for a model that continues the prompt and does not chat: backticks inside its strings are no fences then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coderl_env.naming import unknown_name

__all__ = ["COMPLETION_STYLES", "Completion", "completion_text", "extract_program"]

COMPLETION_STYLES = ("auto", "fenced", "raw")

Completion = str | Sequence[Mapping[str, Any]]

_PYTHON = frozenset({"python", "py", "python3"})
_REASONING_END = "</think>"
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n]*)")


@dataclass(frozen=True, slots=True)
class _Block:
    language: str
    code: str


def extract_program(completion: Completion, style: str = "auto") -> str:
    r"""Return the program that `completion` holds; the module's docstring has the rules.

    Args:
        completion: text, or chat messages as mappings with `role` and `content`.
        style: `auto`, `fenced` or `raw`.

    Raises:
        ValueError: an unknown style, or a completion that is neither text nor messages.

    >>> extract_program("Here it is:\n```python\nprint(1)\n```\nIt prints 1.")
    'print(1)\n'
    """
    if style not in COMPLETION_STYLES:
        raise ValueError(unknown_name("style of completion", style, COMPLETION_STYLES))
    text = completion_text(completion)
    if style == "raw":
        return text
    answer = text.rpartition(_REASONING_END)[2]
    blocks = list(_blocks(answer))
    chosen = [block for block in blocks if block.language in _PYTHON] or [b for b in blocks if not b.language]
    if chosen:
        return chosen[-1].code
    return answer if style == "auto" else ""


def completion_text(completion: Completion) -> str:
    """Return the text of a completion: itself, or the content of its last assistant message.

    Raises:
        ValueError: it is neither text nor messages, or no message is the assistant's.
    """
    if isinstance(completion, str):
        return completion
    messages = completion if isinstance(completion, Sequence) else ()
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "assistant":
            return _content_text(message.get("content"))
    raise ValueError(f"a completion is text, or messages with one of the assistant's, not {completion!r:.80}")


def _content_text(content: object) -> str:
    """Return a message's text; a message may be a call of a tool and have none."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, Sequence) else ()
    return "".join(
        str(part.get("text") or "") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"
    )


def _blocks(text: str) -> Iterator[_Block]:
    fence, indent, language, lines = "", "", "", list[str]()
    for line in text.splitlines(keepends=True):
        found = _FENCE.fullmatch(line.rstrip("\r\n"))
        if not fence:
            # The info of a backtick fence holds no backtick, or it would be code inside a line.
            if found and not (found["fence"][0] == "`" and "`" in found["info"]):
                words = found["info"].replace("{", " ").replace(",", " ").split()
                fence, indent = found["fence"], found["indent"]
                language, lines = words[0].strip(".").lower() if words else "", []
        elif found and not found["info"].strip() and found["fence"].startswith(fence):
            yield _Block(language, "".join(lines))
            fence = ""
        else:
            lines.append(_without_indent(line, len(indent)))
    if fence:
        yield _Block(language, "".join(lines))


def _without_indent(line: str, blanks: int) -> str:
    """Return `line` with at most so many blanks less at its front."""
    return line[min(blanks, len(line) - len(line.lstrip(" "))) :]
