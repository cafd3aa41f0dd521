"""Messages for names that do not exist: what was asked for, and the nearest names that do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["unknown_name"]


def unknown_name(kind: str, name: object, valid: Iterable[str]) -> str:
    """Return one sentence saying that `name` is no valid `kind`, with the nearest valid names.

    >>> unknown_name("reward", "codrl", ["coderl", "binary"])
    "unknown reward 'codrl'; did you mean 'coderl'? Valid are binary, coderl."
    """
    names = sorted(valid)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(repr(item) for item in near)}?" if near else "."
    listing = f" Valid are {', '.join(names)}." if names else " There are none."
    return f"unknown {kind} {name!r}{hint}{listing}"
