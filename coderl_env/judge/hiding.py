"""What a program must not put into an object of a test: attributes that hide what the object's class decides by.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from typing import Any

__all__ = ["hides", "without_cached"]

_MOCKS = "unittest.mock"


def hides(kind: type, name: str, consulted: frozenset[str]) -> bool:
    """Whether an attribute of this name would hide a method of a class, or data that its methods read.

    Args:
        kind: the class of the test's object.
        name: of the attribute.
        consulted: attributes that the test's classes read, and nothing in the test sets.
    """
    if name.startswith("__") or (kind.__module__ == _MOCKS and name.startswith("_mock")):
        return True
    found = _of_class(kind, name)
    if found is _NOTHING or isinstance(found, types.MemberDescriptorType):
        return False
    if kind.__module__ == _MOCKS or hasattr(type(found), "__get__"):
        return True
    # A field is the object's own, whatever it is in the beginning; so is what begins as nothing.
    is_field = dataclasses.is_dataclass(kind) and name in {field.name for field in dataclasses.fields(kind)}
    return name in consulted and not is_field and found is not None


def without_cached(kind: type, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's attributes without those that its class works out when they are first asked for."""
    return {
        name: value for name, value in state.items() if not isinstance(_of_class(kind, name), functools.cached_property)
    }


def _of_class(kind: type, name: str) -> Any:
    return next((vars(parent)[name] for parent in kind.__mro__ if name in vars(parent)), _NOTHING)


_NOTHING = object()
