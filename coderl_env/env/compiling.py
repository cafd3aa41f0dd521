"""What this process's compiler says of a text, as the judge's will: nothing is ever run.

The text comes from an agent. It is bounded, no warning about it gets out, and whatever the compiler does short of
crashing counts as an answer.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["fault", "is_expression", "is_valid", "may_go_on", "quiet"]

# PyCF_ALLOW_INCOMPLETE_INPUT of CPython, as `codeop` uses it: an error at the very end then says so.
_ALLOW_INCOMPLETE = 0x4000
_ONLY_SYNTAX = 0x400  # PyCF_ONLY_AST
# Longer than any window's text; what the compiler needs grows with the text.
_LONGEST = 200_000

# The filters of warnings belong to the whole process: two threads that save and restore them could leave ours behind.
_filters = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep back what the compiler warns of, even where warnings are errors."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_valid(program: str) -> bool:
    """Whether `program` compiles."""
    with quiet():
        return fault(program) is None


def fault(source: str, flags: int = 0) -> str | None:
    """Return what the compiler says against `source`, or None where it has nothing to say; call it within `quiet`."""
    if len(source) > _LONGEST:
        return "too long"
    try:
        # Bytes, as the judge has them: a first line may declare an encoding.
        compile(source.encode(), "program", "exec", flags=flags, dont_inherit=True)
    except SyntaxError as error:
        return error.msg
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        return str(error) or type(error).__name__
    return None


def is_expression(text: str) -> bool:
    """Whether `text` is an expression, as far as the grammar goes; call it within `quiet`."""
    return fault(f"({text})", _ONLY_SYNTAX) is None


def may_go_on(source: str) -> str | None:
    """Return what is to be mended in `source` by more text, or None where no text can; call it within `quiet`.

    It is empty where `source` only stops too early.
    """
    # The joined line keeps the compiler from taking the end of the text for the end of the statement.
    more = fault(source if source.endswith("\n") else f"{source}\\\n", _ALLOW_INCOMPLETE)
    if more is not None and more != "incomplete input":
        return None
    return "" if fault(source, _ONLY_SYNTAX) is not None else fault(source) or ""
