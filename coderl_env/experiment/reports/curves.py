"""Learning curves: a stage's main figure by samples and by seconds, with bands over seeds. Not here: their drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from coderl_env.experiment.reports.groups import Entrant
from coderl_env.experiment.sweep.records import Cell, Metric

if TYPE_CHECKING:
    # Sources read what workers of sweeps write, and those write the report of a run, which has curves of this module.
    from coderl_env.experiment.sources import Source

__all__ = ["CURVE_FIGURES", "CurveChart", "Panel", "Series", "learning_curves", "smoothed"]

# The figure that says most of a stage, the first of these that it logged.
CURVE_FIGURES = ("pass_rate", "pass_at_1", "reward", "accuracy", "validation_loss", "loss")

_STAGE = "rl"
_POINTS = 80
_RESAMPLES = 500
_SERIES_AT_MOST = 8

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart, with the ends of its band where there are several seeds; all (points,)."""

    label: str
    x: Values
    y: Values
    low: Values | None
    high: Values | None


@dataclass(frozen=True, slots=True)
class Panel:
    """The lines over one kind of budget."""

    x_label: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class CurveChart:
    """A chart of learning curves.

    Attributes:
        title: what it shows.
        y_label: the figure.
        panels: one for each kind of budget.
        note: what the lines and bands are.
    """

    title: str
    y_label: str
    panels: tuple[Panel, ...]
    note: str


def learning_curves(source: Source, groups: Sequence[Entrant], seed: int) -> list[CurveChart]:
    """Return the charts of the entrants of one environment, or none where no figure was logged twice.

    A chart has as many lines as can be told apart.

    Args:
        source: has the figures.
        groups: the entrants.
        seed: of the bootstrap of the bands.
    """
    best: tuple[int, str, dict[int, list[Metric]]] | None = None
    for name in CURVE_FIGURES:
        logged = {
            cell.cell: lines
            for group in groups
            for cell in group.cells
            if len(lines := _logged(source, cell, name)) > 1
        }
        drawn = sum(any(cell.cell in logged for cell in group.cells) for group in groups)
        # The first figure that all of them logged, or else the one that most did.
        if drawn and (best is None or drawn > best[0]):
            best = drawn, name, logged
        if drawn == len(groups):
            break
    if best is None:
        return []
    _, name, logged = best
    chosen = [group for group in groups if any(cell.cell in logged for cell in group.cells)]
    charts = []
    for first in range(0, len(chosen), _SERIES_AT_MOST):
        drawn_here = chosen[first : first + _SERIES_AT_MOST]
        panels = tuple(
            panel
            for by, label in (("samples", "programs sampled"), ("seconds", "seconds"))
            if (panel := Panel(label, tuple(_series(drawn_here, logged, by, seed)))).series
        )
        note = "While training, smoothed over a tenth of the curve; bands are 95 % intervals of the mean over seeds."
        if len(chosen) > _SERIES_AT_MOST:
            note += f" Agents {first + 1} to {first + len(drawn_here)} of {len(chosen)}."
        if panels:
            charts.append(CurveChart("Learning curves", name.replace("_", " "), panels, note))
    return charts


def smoothed(values: Sequence[float] | Values) -> Values:
    """Return the mean over a centred window of about a tenth of the curve.

    >>> smoothed([0.0, 3.0, 0.0]).tolist()
    [1.5, 1.0, 1.5]
    """
    array = np.asarray(values, dtype=np.float64)
    half = max(1, array.size // 20)
    sums = np.concatenate([[0.0], np.cumsum(array)])
    index = np.arange(array.size)
    first, last = np.maximum(index - half, 0), np.minimum(index + half + 1, array.size)
    means: Values = (sums[last] - sums[first]) / (last - first)
    return means


def _logged(source: Source, cell: Cell, name: str) -> list[Metric]:
    return [metric for metric in source.metrics(cell.cell, _STAGE, name) if metric.value is not None]


def _series(groups: Sequence[Entrant], logged: Mapping[int, list[Metric]], by: str, seed: int) -> list[Series]:
    found = []
    for group in groups:
        curves = [
            curve
            for cell in group.cells
            if cell.cell in logged and (curve := _curve(cell, logged[cell.cell], by)) is not None
        ]
        if curves:
            found.append(_band(group.label, curves, seed))
    return found


def _curve(cell: Cell, metrics: Sequence[Metric], by: str) -> tuple[Values, Values] | None:
    """Return a cell's budget and figure at each step, or None where the budget is not known."""
    y = smoothed([metric.value for metric in metrics if metric.value is not None])
    if by == "seconds":
        seconds = [metric.seconds for metric in metrics]
        known = [value for value in seconds if value is not None]
        return (np.array(known), y) if len(known) == len(seconds) else None
    per_step = cell.settings.get("problems_per_step"), cell.settings.get("samples_per_step")
    if not all(isinstance(number, int) for number in per_step):
        return None
    programs = int(per_step[0] or 0) * int(per_step[1] or 0)
    return np.array([metric.step * programs for metric in metrics], dtype=np.float64), y


def _band(label: str, curves: Sequence[tuple[Values, Values]], seed: int) -> Series:
    """Return the mean of several curves over the part that all of them have, with its interval."""
    begin, end = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    if len(curves) == 1 or end <= begin:
        x, y = curves[0]
        kept = np.unique(np.linspace(0, x.size - 1, _POINTS).astype(int))
        return Series(label, x[kept], y[kept], None, None)
    grid = np.linspace(begin, end, _POINTS)
    values = np.array([np.interp(grid, x, y) for x, y in curves])  # (seeds, points)
    drawn = np.random.default_rng(seed).integers(len(curves), size=(_RESAMPLES, len(curves)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975), axis=0)
    return Series(label, grid, values.mean(axis=0), low, high)
