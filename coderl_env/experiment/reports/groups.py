"""The cells of a sweep sorted for comparison: those that differ in their seed alone belong to one entrant.

An entrant is an agent with its settings, whatever the environment. Not here: figures of its cells (`.contents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coderl_env.experiment.settings import SHORT_NAMES
from coderl_env.experiment.sweep.records import Cell

__all__ = ["STARTS", "Entrant", "entrants", "final_row", "ordered_rows", "row_label"]

_ROWS = {
    "start": "start",
    "warm_start": "warm start",
    "ce_continued": "CE continued",
    "rl": "RL",
    "rl_critic_sampling": "RL, critic sampling",
}
# Rows of an agent that has not learned yet.
STARTS = frozenset({"start", "warm_start"})
# The same row where the agent does not choose itself, and the examples decide among its programs.
_FILTERED = "RL, filtered"


@dataclass(frozen=True, slots=True)
class Entrant:
    """The cells of one agent and its settings in one environment: one for each seed.

    Attributes:
        label: agent, and the settings that the sweep varies.
        env: id of the environment.
        cells: the cells, by seed.
    """

    label: str
    env: str
    cells: tuple[Cell, ...]


def entrants(cells: Sequence[Cell]) -> list[Entrant]:
    """Return the entrants of `cells`, in the order of their first cells."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((_label(cell), cell.env), []).append(cell)
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


def _label(cell: Cell) -> str:
    """Return the variant without its environment, which the names of variants begin with in sweeps."""
    short = next((name for name, env in SHORT_NAMES.items() if env == cell.env), cell.env)
    return cell.variant.removeprefix(f"{short}/").replace("/", ", ") or cell.agent
