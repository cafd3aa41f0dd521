"""Checks of arguments: each raises a ValueError that names the argument, the value seen and what is valid."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from coderl_env.naming import unknown_name

__all__ = ["check_choice", "check_flag", "check_names", "check_size", "read_token"]


def check_choice(kind: str, value: object, valid: Sequence[str | None]) -> None:
    """Make sure that `value` is one of `valid`."""
    if value not in valid:
        raise ValueError(unknown_name(kind, value, [name for name in valid if name is not None]))


def check_size(name: str, value: object) -> None:
    """Make sure that `value` is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a positive integer, not {value!r}")


def check_flag(name: str, value: object) -> None:
    """Make sure that `value` is true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {value!r}")


def check_names(name: str, value: object) -> None:
    """Make sure that `value` is a list of strings, or None."""
    if value is not None and not (
        isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value)
    ):
        raise ValueError(f"{name} must be a list of names, such as ['easy'], or None, not {value!r}")


def read_token(action: object) -> int:
    """Return the token id that an integer of any kind stands for; a truth value is none."""
    if not isinstance(action, (bool, np.bool_)):
        try:
            return operator.index(action)  # type: ignore[arg-type]  # it says itself what is none
        except TypeError:
            pass
    raise ValueError(f"an action is an integer token id in token mode, not {type(action).__name__} {repr(action)[:60]}")
