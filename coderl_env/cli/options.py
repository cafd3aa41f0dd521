"""Options that several commands share, and `key=value` settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from coderl_env.experiment.events import WANDB_VARIABLE
from coderl_env.experiment.settings import SHORT_NAMES, checked_fields, environment_id
from coderl_env.judge import Judge, MakesJudge
from coderl_env.judge.ray_judge import RayJudge
from coderl_env.problem import Limits

__all__ = [
    "SHORT_NAMES",
    "CheckpointOption",
    "DataDirOption",
    "EnvOption",
    "IsolationOption",
    "JsonOption",
    "LimitOption",
    "RayOption",
    "SetOption",
    "WandbOption",
    "allow_agents_here",
    "checked_fields",
    "environment_id",
    "judge_maker",
    "parse_limits",
    "parse_settings",
    "use_wandb",
]

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

LimitOption = Annotated[
    list[str] | None,
    typer.Option("--limit", help="A limit of the judge, as cpu_seconds=4; may be given more than once."),
]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", help="Judge on the nodes of the Ray cluster at this address; local starts one here."),
]
WandbOption = Annotated[
    str | None, typer.Option("--wandb", help="Copy all figures to this project on Weights & Biases.")
]


def use_wandb(project: str | None) -> None:
    """Let the runs of this command copy their figures to a project on Weights & Biases; None is none.

    Raises:
        ValueError: wandb is not installed.
    """
    if project is None:
        return
    if find_spec("wandb") is None:
        raise ValueError("--wandb needs the package wandb; install it with: pip install 'coderl-env[wandb]'")
    os.environ[WANDB_VARIABLE] = project


def allow_agents_here() -> None:
    """Let an agent be named by a module in the current folder, as `python -m` does; installed modules come first."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def judge_maker(ray: str | None) -> MakesJudge:
    """Return what makes a command's judge: on this machine, or on the Ray cluster at an address."""
    return Judge if ray is None else partial(RayJudge, ray)


def parse_limits(pairs: Sequence[str] | None) -> Limits | None:
    """Return the limits that `key=value` texts hold, or None where there are none.

    Raises:
        ValueError: a text is no `key=value`, or names no limit, or its value is none.

    >>> parse_limits(["cpu_seconds=4"]).cpu_seconds
    4
    """
    return Limits.from_dict(parse_settings(pairs, "--limit")) if pairs else None


def parse_settings(pairs: Sequence[str] | None, option: str = "--set") -> dict[str, Any]:
    """Return the settings that `key=value` texts hold; a value is JSON where it can be, otherwise text.

    Raises:
        ValueError: a text has no `=` or no key, or a key comes twice; the message names `option`.

    >>> parse_settings(["steps=3", "model=nano", "levels=[1, 2]", "critic=false"])
    {'steps': 3, 'model': 'nano', 'levels': [1, 2], 'critic': False}
    """
    settings: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ValueError(f"{option} needs key=value, not {pair!r}")
        if key in settings:
            raise ValueError(f"{option} {key} is given twice; leave one out")
        try:
            settings[key] = json.loads(text)
        except ValueError:
            settings[key] = text
    return settings
