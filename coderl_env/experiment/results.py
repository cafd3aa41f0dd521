"""What rows of judged programs came to, problem by problem: counts, and the figures that are made of them.

A row is what the store of a sweep calls one: the programs of one evaluation of one cell. Not here: intervals
(`coderl_env.experiment.estimators`) and tables (`coderl_env.experiment.reports`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from coderl_env.experiment.estimators import bootstrap_mean, n_at_k_each, pass_at_k_each
from coderl_env.experiment.sweep.records import TaskCount
from coderl_env.outcome import Outcome

__all__ = ["DRAWS", "RowResult", "gather", "is_handed_in", "result_summary", "with_order"]

# The k of pass@k, and the n of n@k; those that there are too few samples for are left out.
DRAWS = (1, 5, 10, 100, 1000)
_HANDED_IN = (1, 5)
# Rows whose programs were chosen among, and not drawn independently: only n@k says something of them.
_CHOSEN = "_critic_sampling"
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class RowResult:
    """The programs of one row of one cell.

    Attributes:
        cell: number of the cell.
        row: name of the row.
        task_ids: the problems, sorted.
        difficulties: of each problem, or None.
        outcomes: how many sampled programs had each outcome, (problems, 4) in the order of `Outcome`.
        greedy: whether the greedy program passed, (problems,), or None where a problem has none.
        examples: sampled programs that passed the examples and, of those, the hidden tests too, (problems, 2); None
            where nobody ran the examples.
        first_passes: index of the first sampled program that passed, (problems,), infinite where none did; None where
            the order of the programs says nothing.
    """

    cell: int
    row: str
    task_ids: tuple[str, ...]
    difficulties: tuple[str | None, ...]
    outcomes: npt.NDArray[np.int64]
    greedy: npt.NDArray[np.float64] | None
    examples: npt.NDArray[np.int64] | None
    first_passes: npt.NDArray[np.float64] | None = None

    @property
    def problems(self) -> int:
        """Number of problems."""
        return len(self.task_ids)

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """Sampled programs of each problem."""
        counted: npt.NDArray[np.int64] = self.outcomes.sum(axis=1)
        return counted

    @property
    def fewest(self) -> int:
        """Sampled programs of the problem that has the fewest."""
        return int(self.samples.min()) if self.task_ids else 0

    def counts_equal(self, other: RowResult) -> bool:
        """Whether the same problems have the same counts, the greedy programs' among them."""
        if self.task_ids != other.task_ids or (self.greedy is None) != (other.greedy is None):
            return False
        greedy = self.greedy is None or other.greedy is None or np.array_equal(self.greedy, other.greedy)
        return greedy and np.array_equal(self.outcomes, other.outcomes)

    def metrics(self, draws: Sequence[int] = DRAWS) -> dict[str, npt.NDArray[np.float64]]:
        """Return each figure that there are samples for, one value per problem.

        The names are `pass@k`, `greedy`, and `n@k` with k the number of samples, where the examples were run or the
        programs stand in the order in which they are handed in.
        """
        values = {} if is_handed_in(self.row) else self._drawn(draws)
        passed = self.outcomes[:, Outcome.PASSED.index]
        for n in (n for n in _HANDED_IN if n < self.fewest):
            if self.first_passes is not None:
                values[f"{n}@{self.fewest}"] = (self.first_passes < n).astype(np.float64)
            elif self.examples is not None:
                shown, both = self.examples.T
                chosen = n_at_k_each(shown, both, self.samples - shown, passed - both, n, self.fewest)
                values[f"{n}@{self.fewest}"] = chosen
        return values

    def _drawn(self, draws: Sequence[int]) -> dict[str, npt.NDArray[np.float64]]:
        """Return the figures of programs that were drawn independently."""
        values: dict[str, npt.NDArray[np.float64]] = {}
        for k in draws:
            if k <= self.fewest:
                values[f"pass@{k}"] = pass_at_k_each(self.samples, self.outcomes[:, Outcome.PASSED.index], k)
        if self.greedy is not None:
            values["greedy"] = self.greedy
        return values

    def of_difficulty(self, difficulty: str | None) -> npt.NDArray[np.bool_]:
        """Return which problems have that difficulty, (problems,); all of them for None."""
        if difficulty is None:
            return np.ones(self.problems, dtype=bool)
        return np.array([found == difficulty for found in self.difficulties], dtype=bool)

    def mix(self) -> dict[str, int]:
        """Return how often each outcome came up among the sampled programs."""
        return {outcome.value: int(self.outcomes[:, outcome.index].sum()) for outcome in Outcome}


def gather(counts: Iterable[TaskCount]) -> dict[tuple[int, str], RowResult]:
    """Return the result of each cell and row; `counts` come cell by cell and row by row."""
    return {
        key: _row_result(*key, list(group)) for key, group in groupby(counts, lambda count: (count.cell, count.row))
    }


def is_handed_in(row: str) -> bool:
    """Whether a row's programs were chosen among by examples, and not drawn independently."""
    return row.endswith(_CHOSEN)


def with_order(result: RowResult, first_passes: Mapping[str, int | None]) -> RowResult:
    """Return a result whose programs stand in the order in which they are handed in.

    Args:
        result: the row.
        first_passes: for each problem the index of the first program that passed, or None.
    """
    found = [first_passes.get(task_id) for task_id in result.task_ids]
    return replace(result, first_passes=np.array([np.inf if index is None else index for index in found]))


def result_summary(result: RowResult, seed: int, draws: Sequence[int] = DRAWS) -> dict[str, Any]:
    """Return the figures of a row with their intervals over problems, as JSON values, also for each difficulty.

    Args:
        result: the row.
        seed: of the bootstrap.
        draws: the k of pass@k.
    """
    metrics = result.metrics(draws)
    levels = [level for level in dict.fromkeys(result.difficulties) if level is not None]
    samples = result.samples
    return {
        "problems": result.problems,
        "samples": int(samples.sum()),
        "samples_per_problem": [result.fewest, int(samples.max(initial=0))],
        "outcomes": result.mix(),
        **_estimates(metrics, result.of_difficulty(None), seed),
        "difficulties": {
            level: {
                "problems": int(result.of_difficulty(level).sum()),
                **_estimates(metrics, result.of_difficulty(level), seed),
            }
            for level in sorted(levels)
        },
    }


def _estimates(
    metrics: Mapping[str, npt.NDArray[np.float64]], chosen: npt.NDArray[np.bool_], seed: int
) -> dict[str, dict[str, float]]:
    # JSON keys as those of a run's summary: pass_at_1, 1_at_20.
    return {
        name.replace("@", "_at_"): bootstrap_mean(values[chosen], seed=seed, resamples=_RESAMPLES).to_dict()
        for name, values in metrics.items()
    }


def _row_result(cell: int, row: str, counts: Sequence[TaskCount]) -> RowResult:
    sampled = {count.task_id: count for count in counts if not count.greedy}
    greedy = {count.task_id: count for count in counts if count.greedy}
    difficulties = {count.task_id: count.difficulty for count in counts}
    ids = sorted(difficulties)
    outcomes = [sampled[name].outcomes if name in sampled else (0, 0, 0, 0) for name in ids]
    shown = [(sampled[name].examples, sampled[name].examples_and_passed) for name in ids if name in sampled]
    known = len(shown) == len(ids) and all(None not in pair for pair in shown)
    return RowResult(
        cell,
        row,
        tuple(ids),
        tuple(difficulties[name] for name in ids),
        np.array(outcomes, dtype=np.int64).reshape(-1, len(Outcome)),
        np.array([greedy[name].passed for name in ids], dtype=np.float64) if len(greedy) == len(ids) else None,
        np.array(shown, dtype=np.int64).reshape(-1, 2) if known else None,
    )
