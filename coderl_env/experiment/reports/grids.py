"""Tables of a report as plain data, and figures as text. Not here: what they hold (`.contents`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coderl_env.experiment.estimators import Estimate

__all__ = ["Grid", "level_order", "markdown_cell", "markdown_table", "percent"]

# The order of the paper's tables; Synth's levels and others follow by name.
_LEVELS = ("introductory", "interview", "competition")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        title: what it shows.
        columns: their headings; the first is that of the rows' labels.
        rows: as many texts each as there are columns.
        note: what the reader has to know of the figures, or empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def percent(estimate: Estimate | Mapping[str, Any] | None, *, signed: bool = False) -> str:
    """Return an estimate of a share as percent with its interval, or a dash.

    >>> percent(Estimate(0.5, 0.25, 0.75))
    '50.0 [25.0, 75.0]'
    """
    if estimate is None:
        return "-"
    values = estimate.to_dict() if isinstance(estimate, Estimate) else estimate
    # Adding zero turns a rounded -0.0, which would be shown with its sign, into 0.0.
    mean, low, high = (round(100 * values[name], 1) + 0.0 for name in ("mean", "low", "high"))
    if math.isnan(mean):
        return "-"
    sign = "+" if signed else ""
    return f"{mean:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def level_order(levels: Sequence[str]) -> list[str]:
    """Return difficulties in the order that tables have them in."""
    return sorted(set(levels), key=lambda level: (level not in _LEVELS, [*_LEVELS, level].index(level), level))


def markdown_table(grid: Grid) -> str:
    """Return a table as Markdown; what its cells hold is shown as it is, never as markup."""
    rule = "|" + "|".join("---" if index == 0 else "---:" for index in range(len(grid.columns))) + "|"
    return "\n".join([_line(grid.columns), rule, *map(_line, grid.rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown_cell, cells)) + " |"


def markdown_cell(text: str) -> str:
    """Return `text` on one line, with everything that Markdown or HTML would read as markup escaped."""
    escaped = " ".join(text.split()).replace("\\", "\\\\")
    for mark in ("|", "`", "*", "<", ">", "]("):
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
