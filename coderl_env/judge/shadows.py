"""Values of the program's own classes that a test does not name: builtin, with the attributes that the program's have.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import functools
from typing import Any

from coderl_env.judge.owner import Owner, refuse_protocol
from coderl_env.judge.values import PROGRAM_MODULE, OwnValue, Shadow, class_name

__all__ = ["shadow_of"]

# Names of fields that are also those of methods of tuples.
_FIELD_NAMES = frozenset({"count", "index"})
# What cannot change, so that it need not be asked for again.
_SHADOWED = (str, int, float, complex, bytes, tuple, frozenset)


@functools.lru_cache
def _shadow_class(kind: type, name: str) -> Any:
    """Return a class of the referee's own, derived from a builtin one, that knows whose value it shows."""

    def attribute(self: Any, name: str) -> Any:
        refuse_protocol(name)
        return self._program.ask(op="get", target=self._handle.number, attribute=name)

    def own_field(self: Any, name: str) -> Any:
        # A field may be called as a method of tuples is; a method of the program's does not stand for theirs.
        found = tuple.__getattribute__(self, name)
        if name not in _FIELD_NAMES:
            return found
        field = attribute(self, name)
        return found if callable(field) else field

    members = {
        "__getattr__": attribute,
        "__copy__": lambda self: self,
        "__deepcopy__": lambda self, memo: self,
        "__module__": PROGRAM_MODULE,
    }
    if kind is tuple:
        members["__getattribute__"] = own_field
    return type(name, (kind, Shadow), members)


def shadow_of(program: Owner, value: OwnValue, plain: Any) -> Any:
    """Return a value of a class that the test does not name: builtin, but for attributes that only the program's has.

    Args:
        program: whose it is.
        value: what came.
        plain: the same, as the test would have it.
    """
    kind: Any = type(plain)
    if kind not in _SHADOWED:
        return plain
    shadow = _shadow_class(kind, class_name(value.type_name))(plain)
    shadow._program = program
    shadow._handle = value
    return shadow
