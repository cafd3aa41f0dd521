"""The configuration of a sweep, as its file says it, checked. The cells it stands for are planned elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from coderl_env.experiment.settings import checked_fields, environment_id
from coderl_env.experiment.sweep.budget import Budget
from coderl_env.experiment.sweep.search import SPACES, check_names, tunable_fields
from coderl_env.experiment.training import TrainConfig
from coderl_env.naming import unknown_name

__all__ = ["AgentEntry", "SweepConfig", "WarmStart", "read_sweep"]

_KEYS = (
    "name",
    "env",
    "envs",
    "agents",
    "settings",
    "seeds",
    "budget",
    "warm_start",
    "parallel",
    "cell_timeout_seconds",
    *SPACES,
)
_AGENT_KEYS = ("agent", "name", "settings", "train", "budget", "seeds", "warm_start", *SPACES)
_WARM_START_KEYS = ("agent", "settings", "train", "budget", "checkpoint", "per")
_PER = ("seed", "environment")


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """An agent of a sweep.

    Attributes:
        name: what the sweep calls it.
        agent: an installed agent's name, `package.module:factory`, or `FILE.py:factory`.
        settings: its factory's settings.
        train: fields of `TrainConfig`, for this agent only.
        budget: its budget, or None for the sweep's.
        seeds: its seeds, or None for the sweep's.
        warm_start: whether it starts from the sweep's warm start, where there is one.
        spaces: its own search spaces.
    """

    name: str
    agent: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    budget: Budget | None = None
    seeds: tuple[int, ...] | None = None
    warm_start: bool = True
    spaces: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WarmStart:
    """A cell that is run once, and whose checkpoint the other cells start from.

    Attributes:
        entry: the agent that makes it.
        checkpoint: the checkpoint's name in that cell's folder of checkpoints.
        per: `seed`: every seed has a warm start of its own; `environment`: all seeds share one, of the first seed.
    """

    entry: AgentEntry
    checkpoint: str = "warm_start"
    per: str = "seed"


@dataclass(frozen=True, slots=True)
class SweepConfig:
    """What a sweep's file says.

    Attributes:
        name: name of the sweep.
        envs: ids of the environments.
        agents: the agents.
        settings: fields of `TrainConfig` that all cells share.
        seeds: seeds of every cell that has none of its own.
        budget: budget of every agent that has none of its own, or None for `TrainConfig`'s.
        warm_start: the shared warm start, or None.
        spaces: search spaces of all agents.
        parallel: cells at once, or None for one per two processors.
        cell_timeout_seconds: wall time after which a cell counts as hanging, or None.
        folder: where the file lies; paths of agents are relative to it.
    """

    name: str
    envs: tuple[str, ...]
    agents: tuple[AgentEntry, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    budget: Budget | None = None
    warm_start: WarmStart | None = None
    spaces: Mapping[str, Any] = field(default_factory=dict)
    parallel: int | None = None
    cell_timeout_seconds: float | None = None
    folder: Path = field(default_factory=Path)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values, for the sweep's record."""
        return {**asdict(self), "folder": str(self.folder)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], folder: Path | None = None) -> SweepConfig:
        """Check what a file says.

        Args:
            values: as YAML or JSON gives it.
            folder: where the file lies, by default the current folder.

        Raises:
            ValueError: an unknown key, a missing one, or a value that cannot be used.
        """
        _check_keys(values, _KEYS, "a sweep")
        name = values.get("name")
        if not isinstance(name, str) or not name.strip() or "/" in name:
            raise ValueError(f"a sweep needs a name without slashes, not {name!r}")
        entries = tuple(_agent(item) for item in _filled(values.get("agents"), "agents"))
        names = [entry.name for entry in entries]
        for one in names:
            if names.count(one) > 1:
                raise ValueError(f"two agents are called {one!r}; give each a name of its own")
        spaces = {kind: values[kind] for kind in SPACES if values.get(kind) is not None}
        return cls(
            name=name.strip(),
            envs=_envs(values),
            agents=entries,
            settings=_train_fields(values.get("settings"), "settings"),
            seeds=_seeds(values.get("seeds", [0]), "seeds"),
            budget=None if values.get("budget") is None else Budget.from_dict(values["budget"]),
            warm_start=None if values.get("warm_start") is None else _warm_start(values["warm_start"]),
            spaces=spaces,
            parallel=_positive(values.get("parallel"), (int,), "parallel"),
            cell_timeout_seconds=_positive(values.get("cell_timeout_seconds"), (int, float), "cell_timeout_seconds"),
            folder=Path.cwd() if folder is None else Path(folder),
        )


def read_sweep(file: Path) -> SweepConfig:
    """Return the configuration in a YAML file.

    Raises:
        ValueError: it is no YAML, or says something that cannot be used; the message names the file.
        OSError: it cannot be read.
    """
    file = Path(file)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(values, Mapping):
            raise ValueError(f"a sweep is a mapping of keys, not {type(values).__name__}")
        return SweepConfig.from_dict(values, file.resolve().parent)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _agent(item: Any) -> AgentEntry:
    values = {"agent": item} if isinstance(item, str) else item
    _check_keys(values, _AGENT_KEYS, "an agent")
    agent = values.get("agent")
    if not isinstance(agent, str) or not agent:
        raise ValueError(f"an agent needs its name as `agent`, not {agent!r}")
    name = values.get("name", agent.rpartition(":")[2] if ":" in agent else agent)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"the name of agent {agent} must be text, not {name!r}")
    where = f"agent {name}"
    return AgentEntry(
        name=name,
        agent=agent,
        settings=_mapping(values.get("settings"), f"settings of {where}"),
        train=_train_fields(values.get("train"), f"train of {where}"),
        budget=None if values.get("budget") is None else Budget.from_dict(values["budget"]),
        seeds=None if values.get("seeds") is None else _seeds(values["seeds"], f"seeds of {where}"),
        warm_start=bool(values.get("warm_start", True)),
        spaces={kind: values[kind] for kind in SPACES if values.get(kind) is not None},
    )


def _warm_start(values: Any) -> WarmStart:
    _check_keys(values, _WARM_START_KEYS, "warm_start")
    per = values.get("per", "seed")
    if per not in _PER:
        raise ValueError(unknown_name("value of per in warm_start", per, _PER))
    kept = {name: value for name, value in values.items() if name not in ("checkpoint", "per")}
    return WarmStart(_agent({"name": "warm start", **kept}), str(values.get("checkpoint", "warm_start")), per)


def _check_keys(values: Any, known: tuple[str, ...], where: str) -> None:
    if not isinstance(values, Mapping):
        raise ValueError(f"{where} is a mapping of keys, not {values!r}")
    for name in values:
        if name not in known:
            raise ValueError(unknown_name(f"key of {where}", name, known))


def _filled(values: Any, where: str) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{where} must be a list that is not empty, not {values!r}")
    return values


def _mapping(values: Any, where: str) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise ValueError(f"{where} must be a mapping of names, not {values!r}")
    return dict(values)


def _train_fields(values: Any, where: str) -> dict[str, Any]:
    given = _mapping(values, where)
    for name in given:
        if name not in tunable_fields():
            check_names([name], where)
            raise ValueError(f"{name} in {where} is a setting of an agent; write it under that agent's settings")
    return checked_fields(TrainConfig, given)


def _envs(values: Mapping[str, Any]) -> tuple[str, ...]:
    if values.get("env") is not None and values.get("envs") is not None:
        raise ValueError("env and envs are both given; leave one out")
    names = [values["env"]] if values.get("env") is not None else _filled(values.get("envs"), "env or envs")
    found = tuple(environment_id(str(name)) for name in names)
    if len(set(found)) != len(found):
        raise ValueError(f"envs names one environment twice: {', '.join(map(str, names))}")
    return found


def _seeds(values: Any, where: str) -> tuple[int, ...]:
    if isinstance(values, int) and not isinstance(values, bool):
        values = list(range(values))
    seeds: list[Any] = _filled(values, where)
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ValueError(f"{where} must be numbers from 0, or how many, not {seed!r}")
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"{where} names a seed twice: {seeds}")
    return tuple(seeds)


def _positive(value: Any, kinds: tuple[type, ...], where: str) -> Any:
    if value is not None and (type(value) not in kinds or not value > 0):
        raise ValueError(f"{where} must be a positive number, not {value!r}")
    return value
