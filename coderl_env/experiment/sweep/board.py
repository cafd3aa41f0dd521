"""The board of a sweep: where it reports how its cells are doing. What it looks like is the command line's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Board", "CellState", "SilentBoard"]


@dataclass(slots=True)
class CellState:
    """How a cell is doing.

    Attributes:
        status: one of `coderl_env.experiment.sweep.records.STATUSES`.
        stage: the stage it is in, or an empty string.
        total: the stage's budget.
        unit: and its unit.
        done: how much of it is used.
        figures: the newest worth showing.
        seconds: wall time that the cell has taken.
        error: why it failed, or None.
    """

    status: str = "waiting"
    stage: str = ""
    total: float = 0.0
    unit: str = ""
    done: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None


class Board(Protocol):
    """Where a sweep reports. Called from the thread that runs it."""

    def show(self, states: Mapping[str, CellState]) -> None:
        """Take notice of the state of every cell, by name and in order; called several times a second."""
        ...


class SilentBoard:
    """Shows nothing."""

    def show(self, states: Mapping[str, CellState]) -> None:
        """Do nothing."""
