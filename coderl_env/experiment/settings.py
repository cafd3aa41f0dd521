"""Settings as people write them: names of environments, and values for the fields of a configuration."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from coderl_env.naming import unknown_name
from coderl_env.registration import ENVIRONMENTS

__all__ = ["SHORT_NAMES", "checked_fields", "environment_id"]

# Short names of the environments, those of their data sets; the ids themselves are accepted too.
SHORT_NAMES: dict[str, str] = {str(settings["dataset"]): name for name, settings in ENVIRONMENTS.items()}


def environment_id(name: str) -> str:
    """Return the environment id that `name` means.

    Raises:
        ValueError: there is no such environment.
    """
    wanted = SHORT_NAMES.get(name.lower(), name)
    if wanted not in ENVIRONMENTS:
        raise ValueError(unknown_name("environment", name, [*SHORT_NAMES, *ENVIRONMENTS]))
    return wanted


def checked_fields(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with each one fit for the dataclass field of its name in `kind`; the names are fields of it.

    Raises:
        ValueError: a value has the wrong type.
    """
    hints = typing.get_type_hints(kind)
    return {name: _checked(name, value, hints[name]) for name, value in values.items()}


def _checked(name: str, value: Any, hint: Any) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is tuple and isinstance(value, (list, str)):
            return (value,) if isinstance(value, str) else tuple(map(str, value))
        if origin is str and isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if origin is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, origin) and not (isinstance(value, bool) and origin is not bool):
            return value
    names = {int: "an integer", float: "a number", str: "text", tuple: "a list", type(None): "null"}
    kinds = " or ".join(names.get(typing.get_origin(option) or option, str(option)) for option in options)
    raise ValueError(f"setting {name!r} must be {kinds}, not {json.dumps(value)}")
