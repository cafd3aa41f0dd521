"""The plan of a sweep: its cells, each with the complete configuration of its run and what it waits for."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coderl_env.experiment.settings import SHORT_NAMES, checked_fields
from coderl_env.experiment.sweep.config import AgentEntry, SweepConfig
from coderl_env.experiment.sweep.search import AGENT_PREFIX, assignments
from coderl_env.experiment.training import MAIN_LEVELS, TrainConfig
from coderl_env.naming import unknown_name
from coderl_env.registration import ENVIRONMENTS
from coderl_env.registry import list_agents

__all__ = ["CELLS_FOLDER", "GIVEN_AGENTS", "PlannedCell", "plan_cells"]

CELLS_FOLDER = "cells"
# The module under which a cell finds the factories that were passed as objects.
GIVEN_AGENTS = "coderl_sweep_agents"


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One run that a sweep will make.

    Attributes:
        name: unique name.
        variant: the name without the seed.
        agent: what the sweep calls the agent.
        config: configuration of the run; `start_from` is filled in when the cell that it waits for has its folder.
        folder: the run's folder, relative to the sweep's.
        python_path: folder that the agent's module lies in, or None where it is installed.
        waits_for: name of the cell that makes its warm start, or None.
        checkpoint: that checkpoint's name in the other cell's folder of checkpoints.
    """

    name: str
    variant: str
    agent: str
    config: TrainConfig
    folder: str
    python_path: str | None = None
    waits_for: str | None = None
    checkpoint: str = ""


def plan_cells(config: SweepConfig, given: Sequence[str] = ()) -> list[PlannedCell]:
    """Return the cells of a sweep; warm starts first, then seed by seed.

    Args:
        config: the sweep.
        given: names of agents that are passed as factories, and need not be installed.

    Raises:
        ValueError: an agent does not exist, a value does not fit, or two cells are the same.
    """
    starts: list[PlannedCell] = []
    cells: list[PlannedCell] = []
    for env in config.envs:
        made = _warm_starts(config, env, given)
        starts += made
        for entry in config.agents:
            cells += [_waiting(cell, entry, config, made) for cell in _cells(config, entry, env, given)]
    # Seed by seed, so that a sweep that is stopped early compares all agents.
    ordered = [*starts, *sorted(cells, key=lambda cell: cell.config.seed)]
    _check_distinct(ordered)
    return _with_folders(ordered)


def _cells(config: SweepConfig, entry: AgentEntry, env: str, given: Sequence[str]) -> Iterator[PlannedCell]:
    agent, python_path = _resolve_agent(entry, config.folder, given)
    short = {identifier: name for name, identifier in SHORT_NAMES.items()}[env]
    own = assignments(entry.spaces, f"agent {entry.name}")
    for assignment in assignments(config.spaces, "the sweep"):
        for further in own:
            twice = sorted(set(assignment) & set(further))
            if twice:
                raise ValueError(f"{twice[0]} is searched by the sweep and by agent {entry.name}; leave one out")
            chosen = assignment | further
            told = ",".join(f"{name.removeprefix(AGENT_PREFIX)}={_brief(value)}" for name, value in chosen.items())
            variant = "/".join(part for part in (short, entry.name, told) if part)
            for seed in config.seeds if entry.seeds is None else entry.seeds:
                train = _train_config(config, entry, env, agent, chosen, seed)
                yield PlannedCell(f"{variant}/seed{seed}", variant, entry.name, train, "", python_path)


def _train_config(
    config: SweepConfig, entry: AgentEntry, env: str, agent: str, chosen: Mapping[str, Any], seed: int
) -> TrainConfig:
    """Return a cell's configuration: what the environment needs, what all share, the budget, what it has of its own."""
    windows = {name: value for name, value in ENVIRONMENTS[env].items() if name.startswith("max_")}
    levels = {"difficulties": MAIN_LEVELS} if env == TrainConfig().env else {}
    searched = {name: value for name, value in chosen.items() if not name.startswith(AGENT_PREFIX)}
    values = {**windows, **levels, **config.settings, **entry.train, **checked_fields(TrainConfig, searched)}
    settings = dict(entry.settings) | {
        name.removeprefix(AGENT_PREFIX): value for name, value in chosen.items() if name.startswith(AGENT_PREFIX)
    }
    train = TrainConfig.from_dict({**values, "env": env, "agent": agent, "settings": settings, "seed": seed})
    budget = entry.budget or config.budget
    if budget is None:
        return train
    fields = budget.fields(train)
    for name, value in fields.items():
        if value is not None and name in values:
            raise ValueError(f"{name} of agent {entry.name} is given both by a budget and as a setting; leave one out")
    return replace(train, **fields)


def _warm_starts(config: SweepConfig, env: str, given: Sequence[str]) -> list[PlannedCell]:
    start = config.warm_start
    if start is None:
        return []
    waiting = [entry for entry in config.agents if entry.warm_start]
    seeds = sorted({seed for entry in waiting for seed in (config.seeds if entry.seeds is None else entry.seeds)})
    if not seeds:
        raise ValueError("warm_start is given, but every agent leaves it out; remove one or the other")
    entry = replace(start.entry, seeds=tuple(seeds if start.per == "seed" else seeds[:1]))
    return list(_cells(replace(config, spaces={}), entry, env, given))


def _waiting(cell: PlannedCell, entry: AgentEntry, config: SweepConfig, starts: Sequence[PlannedCell]) -> PlannedCell:
    if config.warm_start is None or not entry.warm_start:
        return cell
    own = [start for start in starts if start.config.seed == cell.config.seed]
    return replace(cell, waits_for=(own or starts)[0].name, checkpoint=config.warm_start.checkpoint)


def _resolve_agent(entry: AgentEntry, folder: Path, given: Sequence[str]) -> tuple[str, str | None]:
    """Return the name that the registry knows the agent by, and the folder of its file where it is named by one."""
    if entry.agent in given:
        return f"{GIVEN_AGENTS}:{entry.agent}", None
    target, _, factory = entry.agent.rpartition(":")
    if target.endswith(".py"):
        file = (folder / target).resolve()
        if not file.is_file():
            raise ValueError(f"agent {entry.name}: there is no file {file}; paths are relative to the sweep's file")
        return f"{file.stem}:{factory}", str(file.parent)
    if not target:
        known = [item.name for item in list_agents()]
        if entry.agent not in known:
            raise ValueError(unknown_name("agent", entry.agent, [*known, *given]) + ' Or name it "module:factory".')
    return entry.agent, None


def _check_distinct(cells: Sequence[PlannedCell]) -> None:
    known: dict[str, str] = {}
    names: set[str] = set()
    for cell in cells:
        key = json.dumps([cell.config.to_dict(), cell.python_path, cell.waits_for], sort_keys=True)
        if key in known:
            raise ValueError(f"cells {known[key]!r} and {cell.name!r} are the same run; leave one out")
        if cell.name in names:
            raise ValueError(f"two cells are called {cell.name!r}; give their agents other names")
        known[key] = cell.name
        names.add(cell.name)


def _with_folders(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    placed, taken = [], set()
    for cell in cells:
        folder = re.sub(r"[^A-Za-z0-9._=,-]+", "-", cell.name).strip("-.")
        if folder in taken or len(folder) > 120:
            folder = f"{folder[:120]}-{hashlib.sha256(cell.name.encode()).hexdigest()[:8]}"
        taken.add(folder)
        placed.append(replace(cell, folder=f"{CELLS_FOLDER}/{folder}"))
    return placed


def _brief(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "+".join(map(_brief, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
