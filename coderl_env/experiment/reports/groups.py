"""The cells of a sweep sorted for comparison: those that differ in their seed alone belong to one entrant.

An entrant is an agent with its settings, whatever the environment. Not here: figures of its cells (`.contents`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coderl_env.experiment.sweep.records import Cell

__all__ = ["Entrant", "entrants", "final_row", "ordered_rows", "row_label"]

# What belongs to the environment, the machine or the seed, and not to the entrant.
_NOT_THE_ENTRANTS = frozenset(
    (
        "agent",
        "env",
        "seed",
        "data_dir",
        "split",
        "eval_split",
        "difficulties",
        "max_prompt_tokens",
        "max_program_tokens",
        "judge_workers",
        "threads",
    )
)
_ROWS = {
    "start": "start",
    "warm_start": "warm start",
    "ce_continued": "CE continued",
    "rl": "RL",
    "rl_critic_sampling": "RL, critic sampling",
}
# The same row where the agent does not choose itself, and the examples decide among its programs.
_FILTERED = "RL, filtered"
_LONGEST_VALUE = 40


@dataclass(frozen=True, slots=True)
class Entrant:
    """The cells of one agent and its settings in one environment: one for each seed.

    Attributes:
        label: agent, and the settings that tell it from others of that agent.
        env: id of the environment.
        cells: the cells, by seed.
    """

    label: str
    env: str
    cells: tuple[Cell, ...]


def entrants(cells: Sequence[Cell]) -> list[Entrant]:
    """Return the entrants of `cells`, in the order of their first cells."""
    varying = {agent: _varying([cell for cell in cells if cell.agent == agent]) for agent in _agents(cells)}
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((_label(cell, varying[cell.agent]), cell.env), []).append(cell)
    return [
        Entrant(label, env, tuple(sorted(group, key=lambda cell: cell.seed))) for (label, env), group in found.items()
    ]


def row_label(row: str, *, filtered: bool = False) -> str:
    """Return what a table calls a row; `filtered` where examples alone choose among the programs of `rl`."""
    return _FILTERED if filtered else _ROWS.get(row, row)


def ordered_rows(rows: Iterable[str]) -> list[str]:
    """Return rows in the order of a run's own table; unknown ones come last, by name."""
    names = set(rows)
    return [row for row in _ROWS if row in names] + sorted(names.difference(_ROWS))


def final_row(rows: Iterable[str]) -> str | None:
    """Return the row that stands for an entrant in comparisons: RL where there is one, otherwise the last."""
    ordered = ordered_rows(rows)
    return "rl" if "rl" in ordered else ordered[-1] if ordered else None


def _agents(cells: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.agent for cell in cells))


def _flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings with the agent's own beside the others, as text."""
    flat: dict[str, Any] = {name: value for name, value in settings.items() if name != "settings"}
    own = settings.get("settings")
    flat |= dict(own) if isinstance(own, Mapping) else {}
    return {name: _text(value) for name, value in flat.items() if name not in _NOT_THE_ENTRANTS}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."


def _varying(cells: Sequence[Cell]) -> list[str]:
    """Return the settings in which cells of one agent differ within an environment."""
    names: dict[str, None] = {}
    for env in dict.fromkeys(cell.env for cell in cells):
        settings = [_flat(cell.settings) for cell in cells if cell.env == env]
        for name in dict.fromkeys(name for values in settings for name in values):
            if len({values.get(name) for values in settings}) > 1:
                names[name] = None
    return list(names)


def _label(cell: Cell, varying: Sequence[str]) -> str:
    values = _flat(cell.settings)
    parts = [f"{name.replace('_', ' ')} {values[name]}" for name in varying if name in values]
    return ", ".join([cell.agent, *parts])
