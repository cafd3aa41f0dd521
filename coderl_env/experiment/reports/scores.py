"""Scores of entrants: figures with intervals over seeds or problems, and the tables of one environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from coderl_env.experiment.estimators import Estimate, bootstrap_mean, seed_interval
from coderl_env.experiment.reports.grids import Grid, level_order, percent
from coderl_env.experiment.reports.groups import STARTS, Entrant, ordered_rows, row_label
from coderl_env.experiment.results import DRAWS, RowResult, is_handed_in
from coderl_env.outcome import Outcome

__all__ = ["Scores", "difficulty_grids", "entrant_row", "outcome_grid", "result_grids"]

_RESAMPLES = 2000
_LEVELS_AT_MOST = 12

Values = npt.NDArray[np.float64]


class Scores:
    """Figures of rows, made once and looked up.

    Attributes:
        seed: of every bootstrap.
    """

    def __init__(self, results: Mapping[tuple[int, str], RowResult], seed: int) -> None:
        self.seed = seed
        self._results = results
        self._rows: dict[int, set[str]] = {}
        for cell, row in results:
            self._rows.setdefault(cell, set()).add(row)
        self._metrics: dict[tuple[int, str], dict[str, Values]] = {}

    def rows(self, group: Entrant) -> list[str]:
        """Return the rows that every cell of an entrant has."""
        return ordered_rows(set.intersection(*(self._rows.get(cell.cell, set()) for cell in group.cells)))

    def results(self, group: Entrant, row: str) -> list[RowResult]:
        """Return a row of each of an entrant's cells, by seed."""
        return [self._results[cell.cell, row] for cell in group.cells]

    def values(self, group: Entrant, row: str, metric: str) -> list[Values] | None:
        """Return a figure's values, one array over problems for each seed; None where a cell does not have it."""
        values = [self._of(cell.cell, row).get(metric) for cell in group.cells]
        return None if any(value is None for value in values) else [value for value in values if value is not None]

    def names(self, groups: Sequence[Entrant]) -> list[str]:
        """Return the figures that some row has: pass@k by k, greedy, n@k."""
        keys = [(cell.cell, row) for group in groups for cell in group.cells for row in self.rows(group)]
        found = dict.fromkeys(name for key in keys for name in self._of(*key))
        return sorted(found, key=lambda name: (not name.startswith("pass"), name != "greedy", _number(name)))

    def table_rows(self, groups: Sequence[Entrant]) -> list[tuple[Entrant, str]]:
        """Return the entrants' rows; of those that start from another one's checkpoint, not once more its row."""
        kept: list[tuple[Entrant, str]] = []
        for group in groups:
            starts = STARTS if all(cell.settings.get("start_from") for cell in group.cells) else ()
            for row in self.rows(group):
                if row not in starts or not any(self._repeats(group, row, *other) for other in kept):
                    kept.append((group, row))
        return kept

    def _repeats(self, group: Entrant, row: str, other: Entrant, other_row: str) -> bool:
        """Whether a row has, seed by seed, the very counts of another one."""
        known = {cell.seed: self._results[cell.cell, other_row] for cell in other.cells}
        return all(
            cell.seed in known and self._results[cell.cell, row].counts_equal(known[cell.seed]) for cell in group.cells
        )

    def estimate(self, group: Entrant, row: str, metric: str, difficulty: str | None = None) -> Estimate | None:
        """Return a figure with its interval: over seeds, or over problems with one seed; None where it has none."""
        values = self.values(group, row, metric)
        if values is None:
            return None
        chosen = [
            array[result.of_difficulty(difficulty)]
            for array, result in zip(values, self.results(group, row), strict=True)
        ]
        if any(array.size == 0 for array in chosen):
            return None
        if len(chosen) == 1:
            return bootstrap_mean(chosen[0], seed=self.seed, resamples=_RESAMPLES)
        return seed_interval([[array.mean() for array in chosen]], seed=self.seed, resamples=_RESAMPLES)

    def _of(self, cell: int, row: str) -> dict[str, Values]:
        key = (cell, row)
        if key not in self._metrics:
            result = self._results.get(key)
            self._metrics[key] = {} if result is None else result.metrics(DRAWS)
        return self._metrics[key]


def interval_note(groups: Sequence[Entrant]) -> str:
    """Return what the figures of these entrants and their intervals are."""
    seeds = sorted({len(group.cells) for group in groups})
    if seeds == [1]:
        return "Percent, with the 95 % interval over problems; one seed."
    counts = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    one = " With one seed: mean and interval over problems." if 1 in seeds else ""
    return f"Percent: interquartile mean over {counts} seeds, with its stratified bootstrap 95 % interval.{one}"


def result_grids(groups: Sequence[Entrant], scores: Scores) -> list[Grid]:
    """Return the tables of all rows of one environment's entrants: pass@k and greedy, and n@k where it is known."""
    names = scores.names(groups)
    plain = [name for name in names if not name[0].isdigit()]
    note = f"{interval_note(groups)} Of k programs drawn, n are handed in, those that pass the examples first."
    grids = [
        _figures("Results", plain, groups, scores, interval_note(groups)),
        _figures("Filtered by examples: n@k", [name for name in names if name not in plain], groups, scores, note),
    ]
    return [grid for grid in grids if grid.rows]


def _figures(title: str, names: Sequence[str], groups: Sequence[Entrant], scores: Scores, note: str) -> Grid:
    lines = []
    for group, row in scores.table_rows(groups):
        results = scores.results(group, row)
        samples = sorted({result.fewest for result in results} | {int(result.samples.max()) for result in results})
        each = str(samples[0]) if len(samples) == 1 else f"{samples[0]}-{samples[-1]}"
        counts = (str(len(group.cells)), str(results[0].problems), each)
        figures = [percent(scores.estimate(group, row, name)) for name in names]
        if any(figure != "-" for figure in figures):
            lines.append((entrant_row(group, row, scores), *counts, *figures))
    return Grid(title, ("", "seeds", "problems", "samples", *names), tuple(lines), note)


def outcome_grid(groups: Sequence[Entrant], scores: Scores) -> Grid:
    """Return the share of each outcome among the sampled programs of all seeds."""
    lines = []
    for group, row in scores.table_rows(groups):
        total = np.sum([result.outcomes.sum(axis=0) for result in scores.results(group, row)], axis=0)
        # Where examples choose among the programs of another row, they are the same programs.
        if total.sum() and not _is_filtered(group, row, scores):
            shares = 100 * total / total.sum()
            lines.append((entrant_row(group, row, scores), f"{total.sum():,}", *(f"{share:.1f}" for share in shares)))
    columns = ("", "programs", *(outcome.value.replace("_", " ") for outcome in Outcome))
    return Grid(
        "Outcomes", columns, tuple(lines), "Percent of the sampled programs of all seeds; greedy ones left out."
    )


def difficulty_grids(groups: Sequence[Entrant], scores: Scores) -> list[Grid]:
    """Return a table for pass@1, pass@5 and the largest k: a column for each difficulty and one for all.

    It is the form of the paper's table 1.
    """
    found = [
        level
        for group in groups
        for row in scores.rows(group)
        for result in scores.results(group, row)
        for level in set(result.difficulties)
    ]
    levels = level_order([level for level in found if level is not None])
    if not 1 < len(levels) <= _LEVELS_AT_MOST:
        return []
    columns = ("", *(level if not level.isdigit() else f"level {level}" for level in levels), "all")
    draws = [name for name in scores.names(groups) if name.startswith("pass")]
    grids = []
    for name in dict.fromkeys([*draws[:2], *draws[-1:]]):
        lines = []
        for group, row in scores.table_rows(groups):
            if scores.values(group, row, name) is not None:
                figures = (percent(scores.estimate(group, row, name, level)) for level in (*levels, None))
                lines.append((entrant_row(group, row, scores), *figures))
        titles = tuple(column.capitalize() if column else "" for column in columns)
        grids.append(Grid(f"{name} by difficulty", titles, tuple(lines), interval_note(groups)))
    return grids


def entrant_row(group: Entrant, row: str, scores: Scores) -> str:
    """Return what a table calls a row of an entrant."""
    return f"{group.label}: {row_label(row, filtered=_is_filtered(group, row, scores))}"


def _is_filtered(group: Entrant, row: str, scores: Scores) -> bool:
    """Whether examples alone choose among the programs of a row."""
    return is_handed_in(row) and all(result.greedy is not None for result in scores.results(group, row))


def _number(name: str) -> int:
    digits = "".join(character if character.isdigit() else " " for character in name).split()
    return int(digits[0]) if digits else 0
