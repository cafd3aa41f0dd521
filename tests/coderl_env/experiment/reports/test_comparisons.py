"""Agents that start from one checkpoint, have other seeds, or are many: what is compared, and not said twice."""

from __future__ import annotations

import numpy as np
import pytest

from coderl_env.experiment.reports.comparisons import comparison_grids
from coderl_env.experiment.reports.groups import Entrant, entrants
from coderl_env.experiment.reports.scores import Scores, outcome_grid, result_grids
from coderl_env.experiment.results import RowResult
from coderl_env.experiment.sweep.records import Cell

_PROBLEMS = 40
_SAMPLES = 10


def _cell(number: int, label: str, seed: int, *, start_from: str | None = None) -> Cell:
    settings = {"start_from": start_from}
    return Cell(number, f"synth/{label}/{seed}", f"synth/{label}", label, "CodeRL-Synth-v0", settings, seed, "done")


def _result(cell: Cell, row: str, passed: int, *, noise: int = 0) -> RowResult:
    counts = np.full(_PROBLEMS, passed) + np.random.default_rng(noise).integers(-1, 2, _PROBLEMS) * (noise > 0)
    outcomes = np.zeros((_PROBLEMS, 4), dtype=np.int64)
    outcomes[:, 3] = counts
    outcomes[:, 2] = _SAMPLES - counts
    ids = tuple(f"synth/test/1/{n:02}" for n in range(_PROBLEMS))
    greedy = (counts > 5).astype(np.float64)
    return RowResult(cell.cell, row, ids, ("1",) * _PROBLEMS, outcomes, greedy, None)


def _sweep() -> tuple[list[Entrant], Scores]:
    """Return a warm start of three seeds and two agents from it, of which one has the seeds 0 and 1 alone."""
    cells, results = [], {}
    for seed in (0, 1, 2):
        warm = _cell(len(cells), "warm", seed)
        cells.append(warm)
        results[warm.cell, "warm_start"] = _result(warm, "warm_start", 2 + 2 * seed, noise=seed + 1)
    for label, gain, seeds in (("good", 2, (0, 1, 2)), ("same", 0, (0, 1)), ("good enough", 2, (0, 1))):
        for seed in seeds:
            cell = _cell(len(cells), label, seed, start_from="../warm")
            cells.append(cell)
            results[cell.cell, "warm_start"] = _result(cell, "warm_start", 2 + 2 * seed, noise=seed + 1)
            results[cell.cell, "rl"] = _result(cell, "rl", 2 + 2 * seed + gain, noise=seed + 1)
    return entrants(cells), Scores(results, 0)


def test_a_start_that_agents_share_stands_in_the_tables_once() -> None:
    groups, scores = _sweep()
    expected = ["warm: warm start", "good: RL", "same: RL", "good enough: RL"]
    assert [row[0] for row in result_grids(groups, scores)[0].rows] == expected
    assert [row[0] for row in outcome_grid(groups, scores).rows] == expected


def test_a_start_of_an_agents_own_stays() -> None:
    cells = [_cell(0, "one", 0), _cell(1, "other", 0)]
    results = {(cell.cell, "warm_start"): _result(cell, "warm_start", 3) for cell in cells}
    rows = outcome_grid(entrants(cells), Scores(results, 0)).rows
    assert [row[0] for row in rows] == ["one: warm start", "other: warm start"]


def test_differences_are_those_of_the_seeds_that_both_have() -> None:
    groups, scores = _sweep()
    (grid,) = comparison_grids(groups, scores)
    rows = {row[0]: row for row in grid.rows}
    # The seed that only one of them has is the best of all, and counts for nothing.
    assert rows["same over good"][2:] == ("-20.0 [-20.0, -20.0]", "-20.0 [-20.0, -20.0]", "worse")
    assert rows["good enough over good"][2:] == ("+0.0 [+0.0, +0.0]", "+0.0 [+0.0, +0.0]", "no")
    assert rows["good over warm"][4] == "better"
    assert rows["same over warm"][4] == "no"


@pytest.mark.parametrize(
    ("against", "bases"), [((), {"warm"}), (("good",), {"good"}), (("good", "same"), {"good", "same"})]
)
def test_many_agents_are_compared_with_those_that_are_asked_for(against: tuple[str, ...], bases: set[str]) -> None:
    groups, scores = _sweep()
    more = [Entrant(f"copy {n}", groups[1].env, groups[1].cells) for n in range(3)]
    (grid,) = comparison_grids([*groups, *more], scores, against)
    assert {row[0].split(" over ")[1] for row in grid.rows} == bases
    assert len(grid.rows) == 6 * len(bases)
    assert ("Every agent against warm." in grid.note) == (not against)
