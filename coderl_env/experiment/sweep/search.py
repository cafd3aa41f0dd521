"""Search spaces of a sweep: every combination of a grid, the entries of a list, seeded random draws.

An assignment maps names to values. A name is a field of `TrainConfig`, or `settings.` and a setting of the agent.
Spaces that are given together multiply.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from coderl_env.experiment.training import TrainConfig
from coderl_env.naming import unknown_name

__all__ = ["AGENT_PREFIX", "SPACES", "assignments", "check_names", "tunable_fields"]

SPACES = ("grid", "list", "random")
AGENT_PREFIX = "settings."

_RANDOM_KEYS = ("draws", "seed", "over")
_RANGE_KEYS = ("low", "high", "log", "integer")
# What the rest of a sweep's file decides.
_FIXED = ("env", "agent", "settings", "seed", "start_from")


def tunable_fields() -> list[str]:
    """Return the names of the fields of `TrainConfig` that a sweep may set."""
    return [field.name for field in fields(TrainConfig) if field.name not in _FIXED]


def check_names(names: Sequence[str], where: str) -> None:
    """Check that every name is a field of `TrainConfig` or a setting of the agent.

    Raises:
        ValueError: one is neither.
    """
    for name in names:
        if not str(name).startswith(AGENT_PREFIX) and name not in tunable_fields():
            raise ValueError(
                unknown_name(f"setting in {where}", name, tunable_fields())
                + f" A setting of the agent is written {AGENT_PREFIX}NAME."
            )


def assignments(spaces: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """Return what the search spaces among `spaces` stand for; one empty assignment where there is none.

    Args:
        spaces: any of `grid` (name to list of values), `list` (assignments) and `random` (`draws`, `seed` and `over`:
            name to a list of values, or to `low` and `high` with `log` and `integer`).
        where: what the spaces belong to, for messages.

    Raises:
        ValueError: a space is empty or malformed, a name is unknown, or two spaces set the same name.

    >>> assignments({"grid": {"reward": ["coderl", "binary"]}}, "the sweep")
    [{'reward': 'coderl'}, {'reward': 'binary'}]
    """
    makers = {"grid": _grid, "list": _listed, "random": _random}
    parts = [makers[kind](spaces[kind], f"{kind} of {where}") for kind in SPACES if spaces.get(kind) is not None]
    found = []
    for combination in itertools.product(*parts):
        merged: dict[str, Any] = {}
        for part in combination:
            for name in part:
                if name in merged:
                    raise ValueError(f"{name} is searched twice in {where}; leave one out")
            merged |= part
        found.append(merged)
    return found


def _grid(space: Any, where: str) -> list[dict[str, Any]]:
    _check_filled(space, Mapping, where, "name to a list of values")
    check_names(list(space), where)
    for name, values in space.items():
        _check_filled(values, list, f"{name} in {where}", "values")
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def _listed(space: Any, where: str) -> list[dict[str, Any]]:
    _check_filled(space, list, where, "assignments")
    for assignment in space:
        _check_filled(assignment, Mapping, f"an entry of {where}", "name to value")
        check_names(list(assignment), where)
    return [dict(assignment) for assignment in space]


def _random(space: Any, where: str) -> list[dict[str, Any]]:
    _check_filled(space, Mapping, where, "draws, seed and over")
    for name in space:
        if name not in _RANDOM_KEYS:
            raise ValueError(unknown_name(f"key of {where}", name, _RANDOM_KEYS))
    draws, over = space.get("draws"), space.get("over")
    if not isinstance(draws, int) or isinstance(draws, bool) or draws < 1:
        raise ValueError(f"{where} needs draws, a positive integer, not {draws!r}")
    _check_filled(over, Mapping, f"over in {where}", "name to a list of values or a range")
    check_names(list(over), where)
    rng = np.random.default_rng(space.get("seed", 0))
    return [{name: _draw(rng, values, f"{name} in {where}") for name, values in over.items()} for _ in range(draws)]


def _draw(rng: np.random.Generator, values: Any, where: str) -> Any:
    if isinstance(values, list):
        _check_filled(values, list, where, "values")
        return values[int(rng.integers(len(values)))]
    _check_filled(values, Mapping, where, "low and high")
    for name in values:
        if name not in _RANGE_KEYS:
            raise ValueError(unknown_name(f"key of {where}", name, _RANGE_KEYS))
    low, high = values.get("low"), values.get("high")
    if not all(isinstance(end, (int, float)) for end in (low, high)) or not low < high:
        raise ValueError(f"{where} needs numbers with low < high, not {low!r} and {high!r}")
    if values.get("integer"):
        return int(rng.integers(low, high + 1))
    if not values.get("log"):
        return float(rng.uniform(low, high))
    if low <= 0:
        raise ValueError(f"{where} is drawn on a logarithmic scale, so low must be above 0, not {low!r}")
    return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.6g}")


def _check_filled(value: Any, kind: type, where: str, content: str) -> None:
    if not isinstance(value, kind) or not value:
        shape = "list" if kind is list else "mapping"
        raise ValueError(f"{where} must be a {shape} of {content} that is not empty, not {value!r}")
