"""Comparisons: of entrants with each other, of an entrant's rows, and of entrants over all environments."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from coderl_env.experiment.estimators import (
    Estimate,
    bootstrap_mean,
    paired_difference,
    probability_of_improvement,
    seed_interval,
)
from coderl_env.experiment.reports.grids import Grid, percent
from coderl_env.experiment.reports.groups import Entrant, final_row, row_label
from coderl_env.experiment.reports.scores import Scores, Values, entrant_row
from coderl_env.experiment.results import is_handed_in

__all__ = ["aggregate_grid", "comparison_grids", "gain_grid"]

_RESAMPLES = 2000
_PAIRS_AT_MOST = 15
_MAIN = "pass@1"
_CONTROL = "ce_continued"


def comparison_grids(groups: Sequence[Entrant], scores: Scores, against: Sequence[str] = ()) -> list[Grid]:
    """Return the comparison of every two entrants of one environment by pass@1 of their final rows.

    Args:
        groups: the entrants.
        scores: their scores.
        against: labels of those that all others are compared with, instead.
    """
    contenders = [(group, row) for group in groups if (row := final_row(scores.rows(group))) is not None]
    pairs = list(combinations(contenders, 2))
    note = (
        f"By {_MAIN} of each agent's last row. Differences in percentage points, with 95 % intervals. Decided: no "
        "interval holds 0."
    )
    bases = [one for one in contenders if one[0].label in against]
    if not bases and len(pairs) > _PAIRS_AT_MOST:
        bases = contenders[:1]
        note += f" Every agent against {bases[0][0].label}."
    if bases:
        pairs = [(base, other) for base in bases for other in contenders if other is not base]
    lines = []
    for (second, second_row), (first, first_row) in pairs:
        after, before = scores.values(first, first_row, _MAIN), scores.values(second, second_row, _MAIN)
        if after is None or before is None:
            continue
        better = None
        if len(after) > 1 and len(before) > 1:
            better = probability_of_improvement(
                [_means(after)], [_means(before)], seed=scores.seed, resamples=_RESAMPLES
            )
        over_problems = _over_problems((first, first_row), (second, second_row), scores)
        over_seeds = _over_seeds((first, first_row), (second, second_row), scores)
        cells = (percent(better), percent(over_problems, signed=True), percent(over_seeds, signed=True))
        lines.append((f"{first.label} over {second.label}", *cells, _decided(over_problems, over_seeds)))
    columns = ("", "probability of improvement", "difference, over problems", "difference, over seeds", "decided")
    return [Grid("Agents compared", columns, tuple(lines), note)] if lines else []


def gain_grid(groups: Sequence[Entrant], scores: Scores) -> Grid | None:
    """Return what rows of the same cells gain over the first one and over the cross-entropy control, pair by pair."""
    names = [name for name in scores.names(groups) if not name[0].isdigit()][:4]
    lines = []
    for group in groups:
        rows = scores.rows(group)
        bases = dict.fromkeys([*rows[:1], *(row for row in rows if row == _CONTROL)])
        for index, row in enumerate(rows):
            for base in bases:
                if index > rows.index(base):
                    figures = [_gain(group, row, base, name, scores) for name in names]
                    label = f"{entrant_row(group, row, scores)} - {row_label(base)}"
                    if any(figure is not None for figure in figures):
                        lines.append((label, *(percent(figure, signed=True) for figure in figures)))
    note = "Percentage points, paired by problem and seed; 95 % interval over seeds, or over problems with one seed."
    if any(is_handed_in(row) for group in groups for row in scores.rows(group)):
        note += " Of programs that were chosen among, n@k stands against pass@n; choosing costs the k programs."
    return Grid("Paired gains", ("", *names), tuple(lines), note) if lines else None


def aggregate_grid(groups: Sequence[Entrant], scores: Scores) -> Grid | None:
    """Return entrants over all environments, where there are several that all of them have."""
    envs = list(dict.fromkeys(group.env for group in groups))
    if len(envs) < 2:
        return None
    lines = []
    for label in dict.fromkeys(group.label for group in groups):
        strata = []
        for env in envs:
            group = next((group for group in groups if (group.label, group.env) == (label, env)), None)
            row = None if group is None else final_row(scores.rows(group))
            values = None if group is None or row is None else scores.values(group, row, _MAIN)
            if values is not None:
                strata.append(_means(values))
        if len(strata) < len(envs):
            continue
        figures = [
            seed_interval(strata, seed=scores.seed, resamples=_RESAMPLES, statistic=name) for name in ("iqm", "mean")
        ]
        runs = str(sum(map(len, strata)))
        lines.append((label, runs, *map(percent, figures)))
    note = (
        f"{_MAIN} of the last row in {', '.join(envs)}: percent, with stratified bootstrap 95 % intervals; the seeds "
        "of each environment are a stratum. Agents that are missing in one of them are left out."
    )
    return Grid("Over all environments", ("", "runs", "IQM", "mean"), tuple(lines), note) if lines else None


def _decided(*differences: Estimate | None) -> str:
    """Return whether all differences that are known are of one sign with their intervals."""
    known = [difference for difference in differences if difference is not None]
    if not known:
        return "-"
    better = all(difference.low > 0 for difference in known)
    return "better" if better else "worse" if all(difference.high < 0 for difference in known) else "no"


def _means(values: Sequence[Values]) -> list[float]:
    return [float(array.mean()) for array in values]


def _gain(group: Entrant, row: str, base: str, name: str, scores: Scores) -> Estimate | None:
    results = scores.results(group, row)
    if is_handed_in(row) and name.startswith("pass@"):
        after = scores.values(group, row, f"{name.removeprefix('pass@')}@{results[0].fewest}")
    else:
        after = scores.values(group, row, name)
    before = scores.values(group, base, name)
    if after is None or before is None:
        return None
    problems = [(one.task_ids, other.task_ids) for one, other in zip(results, scores.results(group, base), strict=True)]
    if any(ids != others for ids, others in problems):
        return None
    differences = [one - other for one, other in zip(after, before, strict=True)]
    if len(differences) == 1:
        return bootstrap_mean(differences[0], seed=scores.seed, resamples=_RESAMPLES)
    return seed_interval([_means(differences)], seed=scores.seed, resamples=_RESAMPLES, statistic="mean")


def _over_problems(first: tuple[Entrant, str], second: tuple[Entrant, str], scores: Scores) -> Estimate | None:
    """Return the difference of the means over the seeds that both have, problem by problem.

    None where they share no seed, or the problems are not the same.
    """
    shared = {cell.seed for cell in first[0].cells} & {cell.seed for cell in second[0].cells}
    sides = []
    problems = set()
    for group, row in (first, second):
        values = scores.values(group, row, _MAIN)
        if values is None or not shared:
            return None
        kept = [array for cell, array in zip(group.cells, values, strict=True) if cell.seed in shared]
        pairs = zip(group.cells, scores.results(group, row), strict=True)
        problems |= {result.task_ids for cell, result in pairs if cell.seed in shared}
        if len(problems) > 1:
            return None
        sides.append(np.mean(kept, axis=0))
    after, before = sides
    return paired_difference(after, before, seed=scores.seed, resamples=_RESAMPLES)


def _over_seeds(first: tuple[Entrant, str], second: tuple[Entrant, str], scores: Scores) -> Estimate | None:
    """Return the mean difference of the scores of equal seeds; None where they share fewer than two."""
    sides = []
    for group, row in (first, second):
        values = scores.values(group, row, _MAIN)
        if values is None:
            return None
        sides.append({cell.seed: mean for cell, mean in zip(group.cells, _means(values), strict=True)})
    shared = sorted(set(sides[0]) & set(sides[1]))
    if len(shared) < 2:
        return None
    after, before = ([side[seed] for seed in shared] for side in sides)
    return paired_difference(after, before, seed=scores.seed, resamples=_RESAMPLES)
