"""Options that several commands share: environment names, `key=value` settings."""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from coderl_env.naming import unknown_name
from coderl_env.registration import ENVIRONMENTS

__all__ = [
    "SHORT_NAMES",
    "CheckpointOption",
    "DataDirOption",
    "EnvOption",
    "IsolationOption",
    "JsonOption",
    "SetOption",
    "allow_agents_here",
    "checked_fields",
    "environment_id",
    "parse_settings",
]

# Short names of the environments, those of their data sets; the ids themselves are accepted too.
SHORT_NAMES: dict[str, str] = {str(settings["dataset"]): name for name, settings in ENVIRONMENTS.items()}

EnvOption = Annotated[str, typer.Option("--env", help="Environment: synth, apps, mbpp, humaneval, or its id.")]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="File or folder of the data set.", show_default="$CODERL_DATA or cache"),
]
CheckpointOption = Annotated[Path | None, typer.Option("--checkpoint", help="Folder that the agent is loaded from.")]
IsolationOption = Annotated[
    str, typer.Option("--isolation", help="How programs are locked in: auto, strict, portable or none.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A setting, as key=value; may be given more than once.")
]


def environment_id(name: str) -> str:
    """Return the environment id that `name` means.

    Raises:
        ValueError: there is no such environment.
    """
    wanted = SHORT_NAMES.get(name.lower(), name)
    if wanted not in ENVIRONMENTS:
        raise ValueError(unknown_name("environment", name, [*SHORT_NAMES, *ENVIRONMENTS]))
    return wanted


def allow_agents_here() -> None:
    """Let an agent be named by a module in the current folder, as `python -m` does; installed modules come first."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def parse_settings(pairs: Sequence[str] | None) -> dict[str, Any]:
    """Return the settings that `key=value` texts hold; a value is JSON where it can be, otherwise text.

    Raises:
        ValueError: a text has no `=` or no key, or a key comes twice.

    >>> parse_settings(["steps=3", "model=nano", "levels=[1, 2]", "critic=false"])
    {'steps': 3, 'model': 'nano', 'levels': [1, 2], 'critic': False}
    """
    settings: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ValueError(f"--set needs key=value, not {pair!r}")
        if key in settings:
            raise ValueError(f"--set {key} is given twice; leave one out")
        try:
            settings[key] = json.loads(text)
        except ValueError:
            settings[key] = text
    return settings


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
