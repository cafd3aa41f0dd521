"""Estimators of benchmark figures: pass@k and n@k without bias, and bootstrap intervals over problems and over seeds.

Over seeds they are those of Agarwal et al. 2021 (Deep Reinforcement Learning at the Edge of the Statistical Precipice):
the runs of each task are a stratum, and a resample draws as many runs as there are from each, with replacement.

Not here: drawing samples (`coderl_env.experiment.evaluation`) and laying figures out (`coderl_env.experiment.report`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Estimate",
    "bootstrap_mean",
    "interquartile_mean",
    "n_at_k_each",
    "paired_difference",
    "pass_at_k",
    "pass_at_k_each",
    "probability_of_improvement",
    "seed_interval",
]

Counts = Sequence[int] | npt.NDArray[np.int64]
Strata = Sequence[Sequence[float] | npt.NDArray[np.float64]]

# Draws held in memory at once, in numbers: 8 MB.
_CHUNK_NUMBERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the ends of its confidence interval."""

    mean: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return `{"mean", "low", "high"}`."""
        return asdict(self)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate of pass@k from `n` samples, `c` of which passed.

    `1 - C(n - c, k) / C(n, k)` (Chen et al. 2021, equation 1): the probability that `k` of the `n` samples, drawn
    without replacement, hold at least one that passed. Computed in integers, and rounded once.

    Raises:
        ValueError: not `0 <= c <= n` and `1 <= k <= n`.

    >>> pass_at_k(10, 3, 1)
    0.3
    """
    if not 0 <= c <= n:
        raise ValueError(f"passed samples must be between 0 and the {n} drawn, not {c}")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs k between 1 and the number of samples, which is {n}; draw at least {k}")
    ways = math.comb(n, k)
    return (ways - math.comb(n - c, k)) / ways


def pass_at_k_each(n: Counts, c: Counts, k: int) -> npt.NDArray[np.float64]:
    """Return `pass_at_k` of many problems at once, in floating point: exact to about `k` roundings.

    Args:
        n: samples of each problem.
        c: how many of them passed.
        k: how many are drawn.

    Raises:
        ValueError: as `pass_at_k`, for any of them.
    """
    drawn, passed = np.asarray(n, dtype=np.float64), np.asarray(c, dtype=np.float64)  # (problems,)
    if drawn.shape != passed.shape or ((passed < 0) | (passed > drawn)).any():
        raise ValueError("passed samples must be between 0 and the samples drawn, one number per problem")
    if k < 1 or (drawn < k).any():
        least = int(drawn.min()) if drawn.size else 0
        raise ValueError(f"pass@{k} needs k between 1 and the number of samples, which is {least} for some problem")
    missed = np.ones_like(drawn)
    for index in range(k):
        missed *= np.maximum(drawn - passed - index, 0.0) / (drawn - index)
    return 1.0 - missed


def n_at_k_each(
    shown: Counts, shown_passed: Counts, rest: Counts, rest_passed: Counts, n: int, k: int
) -> npt.NDArray[np.float64]:
    """Return n@k of many problems: of `k` programs drawn, `n` are handed in, and one of these has to pass.

    Those handed in are chosen at random among the drawn programs that pass the statement's examples, and among the
    other ones where those do not suffice (Li et al. 2022, section 5.3). All draws of `k` from the samples and all
    choices of `n` among them are averaged over exactly. With `n == k` it is pass@k.

    Args:
        shown: samples of each problem that pass the examples.
        shown_passed: how many of those pass the hidden tests.
        rest: samples that do not pass the examples.
        rest_passed: how many of those pass the hidden tests.
        n: programs handed in.
        k: programs drawn.

    Raises:
        ValueError: not `1 <= n <= k <=` samples of every problem, or more passed than there are.
    """
    a, ap, o, op = (np.asarray(values, dtype=np.int64) for values in (shown, shown_passed, rest, rest_passed))
    if not (a.shape == ap.shape == o.shape == op.shape) or ((ap < 0) | (ap > a) | (op < 0) | (op > o)).any():
        raise ValueError("passed samples must be between 0 and the samples drawn, one number per problem")
    if not 1 <= n <= k or (a + o < k).any():
        least = int((a + o).min()) if a.size else 0
        raise ValueError(f"{n}@{k} needs 1 <= n <= k <= the number of samples, which is {least} for some problem")
    log = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int((a + o).max(initial=0)) + 1)))])  # of factorials

    def ways(total: npt.NDArray[np.int64], chosen: int) -> npt.NDArray[np.float64]:
        """Return the logarithm of C(total, chosen), which is -inf where there is no way."""
        short = total < chosen
        safe = np.where(short, chosen, total)
        return np.where(short, -np.inf, log[safe] - log[chosen] - log[safe - chosen])

    everything = ways(a + o, k)
    missed = np.zeros(a.shape)
    fewer = np.zeros(a.shape)  # probability that fewer than n of those drawn pass the examples
    with np.errstate(invalid="ignore"):
        for j in range(n):
            chance = ways(a, j) + ways(o, k - j) - everything
            miss = ways(a - ap, j) - ways(a, j) + ways(o - op, n - j) - ways(o, n - j)
            possible = np.isfinite(chance)
            fewer += np.where(possible, np.exp(chance), 0.0)
            missed += np.where(possible, np.exp(chance + miss), 0.0)
        enough = np.where(a >= n, np.exp(ways(a - ap, n) - ways(a, n)), 0.0)
    missed += np.clip(1.0 - fewer, 0.0, 1.0) * enough
    return np.clip(1.0 - missed, 0.0, 1.0)


def bootstrap_mean(
    values: Sequence[float] | npt.NDArray[np.float64], *, seed: int, resamples: int = 10_000, level: float = 0.95
) -> Estimate:
    """Return the mean of `values` with its percentile bootstrap interval.

    Drawing n values with replacement is drawing how often each distinct value occurs, so a resample is one
    multinomial draw over the distinct values. Pass rates of n samples have at most n + 1 of them, which makes a
    bootstrap over any number of problems cheap. Where all values are equal the interval has no width: the sample says
    nothing of its own spread.

    Args:
        values: one number per problem (or per seed): whatever was drawn independently.
        seed: seed of the resampling; equal seeds give equal intervals.
        resamples: number of bootstrap resamples.
        level: share of resampled means that the interval holds, between 0 and 1.

    Raises:
        ValueError: no values, a value that is not finite, or a level outside (0, 1).
    """
    sample = np.asarray(values, dtype=np.float64)  # (problems,)
    if sample.ndim != 1 or sample.size == 0:
        raise ValueError(f"a bootstrap needs at least one value in one dimension, not shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError(f"a bootstrap needs finite values, not {sample[~np.isfinite(sample)][0]}")
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"level must lie between 0 and 1 and resamples be positive, not {level!r} and {resamples!r}")
    distinct, counts = np.unique(sample, return_counts=True)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, _CHUNK_NUMBERS // distinct.size)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.multinomial(sample.size, counts / sample.size, size=size)  # (resamples, distinct values)
        means[start : start + size] = drawn @ distinct / sample.size
    return _estimate(float(sample.mean()), means, level)


def paired_difference(
    after: Sequence[float] | npt.NDArray[np.float64],
    before: Sequence[float] | npt.NDArray[np.float64],
    *,
    seed: int,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of `after - before` with its bootstrap interval; entry i of both belongs to the same problem.

    Problems differ far more than two agents do on one problem, so pairing gives a much narrower interval than
    comparing two means.

    Raises:
        ValueError: the lengths differ, or as `bootstrap_mean`.
    """
    first, second = np.asarray(after, dtype=np.float64), np.asarray(before, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"a paired difference needs the same problems twice, not {first.size} and {second.size}")
    return bootstrap_mean(first - second, seed=seed, resamples=resamples, level=level)


def interquartile_mean(values: Strata | npt.NDArray[np.float64]) -> float:
    """Return the mean of the middle half of all values, of whatever stratum.

    A quarter of the values, rounded down, is left out at each end, as in `scipy.stats.trim_mean`; it is less shaken
    by one run than the mean, and less wasteful than the median.

    Raises:
        ValueError: no values, or one that is not finite.

    >>> interquartile_mean([[1.0, 2.0, 3.0, 100.0]])
    2.5
    """
    flat = np.concatenate(_strata(values))
    return float(_trimmed(flat[None])[0])


def seed_interval(
    strata: Strata | npt.NDArray[np.float64],
    *,
    seed: int,
    statistic: str = "iqm",
    resamples: int = 10_000,
    level: float = 0.95,
) -> Estimate:
    """Return a statistic of all runs with its stratified bootstrap interval.

    Args:
        strata: the scores of each task's runs; the numbers of runs may differ.
        seed: seed of the resampling.
        statistic: `iqm` (the interquartile mean) or `mean`.
        resamples: number of resamples.
        level: share of resampled statistics that the interval holds.

    Raises:
        ValueError: no values, one that is not finite, or an unknown statistic.
    """
    tasks = _strata(strata)
    if statistic not in _STATISTICS:
        raise ValueError(f"unknown statistic {statistic!r}; valid are {', '.join(_STATISTICS)}")
    compute = _STATISTICS[statistic]
    rng = np.random.default_rng(seed)
    figures = np.empty(resamples)
    for start, size in _chunks(resamples, sum(task.size for task in tasks)):
        drawn = np.concatenate([_resample(task, size, rng) for task in tasks], axis=1)  # (resamples, runs of all tasks)
        figures[start : start + size] = compute(drawn)
    return _estimate(float(compute(np.concatenate(tasks)[None])[0]), figures, level)


def probability_of_improvement(
    after: Strata | npt.NDArray[np.float64],
    before: Strata | npt.NDArray[np.float64],
    *,
    seed: int,
    resamples: int = 2_000,
    level: float = 0.95,
) -> Estimate:
    """Return how probable it is that a run of `after` beats one of `before` on a task drawn at random.

    For each task the share of pairs of runs in which `after` is better, ties counting half (the Mann-Whitney
    statistic), averaged over tasks; the runs of both sides are resampled within each task, apart from each other.

    Args:
        after: the scores of each task's runs.
        before: those of the other side, the same tasks in the same order; the numbers of runs may differ.
        seed: seed of the resampling.
        resamples: number of resamples.
        level: share of resampled figures that the interval holds.

    Raises:
        ValueError: the tasks differ in number, or values are missing or not finite.
    """
    first, second = _strata(after), _strata(before)
    if len(first) != len(second):
        raise ValueError(f"both sides need the same tasks, not {len(first)} and {len(second)}")
    rng = np.random.default_rng(seed)
    figures = np.empty(resamples)
    for start, size in _chunks(resamples, max(x.size * y.size for x, y in zip(first, second, strict=True))):
        shares = [_wins(_resample(x, size, rng), _resample(y, size, rng)) for x, y in zip(first, second, strict=True)]
        figures[start : start + size] = np.mean(shares, axis=0)
    point = float(np.mean([_wins(x[None], y[None]) for x, y in zip(first, second, strict=True)]))
    return _estimate(point, figures, level)


def _strata(values: Strata | npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    tasks = [np.asarray(task, dtype=np.float64) for task in values]
    if not tasks or any(task.ndim != 1 or task.size == 0 for task in tasks):
        raise ValueError("scores need at least one run of every task, as one sequence per task")
    if not all(np.isfinite(task).all() for task in tasks):
        raise ValueError("scores must be finite; a run without a score is to be left out, and told of")
    return tasks


def _resample(task: npt.NDArray[np.float64], size: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return `size` resamples of one task's runs, one a row."""
    return task[rng.integers(task.size, size=(size, task.size))]


def _chunks(resamples: int, width: int) -> list[tuple[int, int]]:
    """Return start and size of the parts that a bootstrap is done in, so that memory stays small."""
    step = max(1, _CHUNK_NUMBERS // max(width, 1))
    return [(start, min(step, resamples - start)) for start in range(0, resamples, step)]


def _trimmed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the interquartile mean of each row."""
    cut = values.shape[1] // 4
    middle: npt.NDArray[np.float64] = np.sort(values, axis=1)[:, cut : values.shape[1] - cut].mean(axis=1)
    return middle


def _mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    means: npt.NDArray[np.float64] = values.mean(axis=1)
    return means


_STATISTICS = {"iqm": _trimmed, "mean": _mean}


def _wins(after: npt.NDArray[np.float64], before: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return, for each row, the share of pairs in which `after` is greater, ties counting half."""
    left, right = after[:, :, None], before[:, None, :]  # (resamples, runs, runs of the other side)
    shares: npt.NDArray[np.float64] = (left > right).mean(axis=(1, 2)) + 0.5 * (left == right).mean(axis=(1, 2))
    return shares


def _estimate(point: float, figures: npt.NDArray[np.float64], level: float) -> Estimate:
    tail = (1 - level) / 2
    low, high = np.quantile(figures, (tail, 1 - tail))
    return Estimate(mean=point, low=float(low), high=float(high))
