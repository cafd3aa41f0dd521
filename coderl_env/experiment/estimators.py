"""Estimators of benchmark figures: pass@k without bias, and bootstrap intervals over problems.

Not here: drawing samples (`coderl_env.experiment.evaluation`) and laying figures out (`coderl_env.experiment.report`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Estimate", "bootstrap_mean", "paired_difference", "pass_at_k"]

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
    tail = (1 - level) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Estimate(mean=float(sample.mean()), low=float(low), high=float(high))


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
