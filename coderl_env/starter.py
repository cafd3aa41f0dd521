"""Starter code: the text that every program of a problem begins with.

In token and line mode it is a forced prefix. Reference solutions and programs written as a whole often spell it
differently, or not at all; here is how the two are brought together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from coderl_env.tokens import Tokenizer

__all__ = ["continue_starter", "join_starter", "program_text"]

_TOP_LEVEL_NAME = re.compile(r"^(?:class|def|async[ \t]+def)[ \t]+(\w+)", re.MULTILINE)


def join_starter(starter_code: str, text: str) -> str:
    """Return the program that `text`, written as a whole, stands for.

    It is `text` itself where it begins with the starter code; blanks at the starter code's two ends do not count.
    Where the starter code stops inside a function or class that `text` defines again at top level, only what comes
    before that (imports, say) is put in front, unless `text` holds it. Otherwise all of it is put in front.

    >>> join_starter("def double(n):\\n    ", "return 2 * n\\n")
    'def double(n):\\n    return 2 * n\\n'
    >>> join_starter("def double(n):\\n    ", "def double(number):\\n    return 2 * number\\n")
    'def double(number):\\n    return 2 * number\\n'
    """
    if text.startswith(starter_code) or text.lstrip().startswith(starter_code.strip()):
        return text
    definitions = list(_TOP_LEVEL_NAME.finditer(starter_code)) if _is_open(starter_code) else []
    if definitions and definitions[-1][1] in _TOP_LEVEL_NAME.findall(text):
        preamble = starter_code[: definitions[-1].start()]
        return text if preamble.strip() in text else preamble + text
    return starter_code + text


def continue_starter(starter_code: str, program: str) -> str:
    """Return what to write after the starter code so that the whole does what `program` does.

    It is the rest of `program` where that begins with the starter code. Otherwise an open block is closed with `pass`,
    and `program` follows: its definitions replace those of the starter code.

    >>> continue_starter("def double(n):\\n    ", "def double(n):\\n    return 2 * n\\n")
    'return 2 * n\\n'
    >>> continue_starter("def double(n):\\n    ", "double = lambda n: 2 * n\\n")
    'pass\\n\\ndouble = lambda n: 2 * n\\n'
    """
    if program.startswith(starter_code):
        return program[len(starter_code) :]
    start = program.lstrip()
    core = starter_code.strip()
    if _is_open(starter_code) and start.startswith(core):
        # The starter code's last, blank line may stand before the next line, or before a body on the same line.
        return start[len(core) :].lstrip(" \t")
    if _is_open(starter_code):
        return f"pass\n\n{program}"
    return program if not starter_code or starter_code.endswith("\n") else f"\n{program}"


def program_text(tokenizer: Tokenizer, starter_code: str, starter_ids: Sequence[int], token_ids: Sequence[int]) -> str:
    """Return the program that tokens played after the forced prefix stand for.

    Args:
        tokenizer: the environment's tokenizer.
        starter_code: the forced prefix as text.
        starter_ids: and as tokens.
        token_ids: what was played; special tokens stand for nothing.
    """
    text = tokenizer.decode([*starter_ids, *token_ids])
    # A tokenizer that cannot spell the starter code must not change it.
    return text if text.startswith(starter_code) else starter_code + tokenizer.decode(token_ids)


def _is_open(starter_code: str) -> bool:
    """Whether the starter code stops where the body of a function must follow."""
    return starter_code.rstrip().endswith(":")
