"""What a test is told of the classes of exceptions, so that it can catch them by name; in the program's process.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from typing import Any

from coderl_env.judge.values import PROGRAM_MODULE

__all__ = ["description_of", "found_under", "lineage_of"]


_LIBRARIES = (sys.stdlib_module_names | {"numpy"}) - {"builtins", PROGRAM_MODULE}


def description_of(error: BaseException, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the program's own classes that an exception is of, and module and name of the library's among them."""
    kinds = type(error).__mro__
    library = next(
        (
            [kind.__module__, kind.__qualname__]
            for kind in kinds
            if str(kind.__module__).partition(".")[0] in _LIBRARIES
        ),
        None,
    )
    # By the names of the program: another class may be called the same.
    own = [kind.__qualname__ for kind in kinds if found_under(kind.__qualname__, names) is kind]
    return {"kinds": own, "library": library}


def found_under(name: str, names: Mapping[str, Any]) -> Any:
    """Return what the program has under a name, of a class within a class for one; None if there is nothing."""
    head, *rest = name.split(".")
    found = names.get(head)
    for part in rest:
        found = getattr(found, part, None)
    return found


def lineage_of(kind: Any) -> list[str] | None:
    """Return the names of the classes that an exception's class is derived from, builtin ones last, or None."""
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        return None
    own = [parent.__qualname__ for parent in kind.__mro__ if parent.__module__ == PROGRAM_MODULE]
    return own + [parent.__name__ for parent in kind.__mro__ if vars(builtins).get(parent.__name__) is parent]
