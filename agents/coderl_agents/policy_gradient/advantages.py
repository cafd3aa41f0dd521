"""Advantages: how much better a program, or one of its tokens, was than expected. Pure functions of returns.

Equal programs of a problem are one row with a count (`coderl_agents.codet5.experience.Row`); every function takes the
counts into account, so that merging rows changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["gae", "greedy_baseline", "group_normalised", "leave_one_out", "whitened"]

_SMALL = 1e-6


def greedy_baseline(returns: Sequence[float], greedy_return: float) -> list[float]:
    """Return `R - R(greedy)`, the self-critical baseline (Rennie et al. 2017; CodeRL, equation 8).

    >>> greedy_baseline([1.0, -0.3], -0.3)
    [1.3, 0.0]
    """
    return [value - greedy_return for value in returns]


def leave_one_out(returns: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Return `R` minus the mean return of the problem's other programs (RLOO, Ahmadian et al. 2024, equation 5).

    Without another program there is nothing to compare with, and the advantage is 0.

    >>> leave_one_out([1.0, 0.0], [1, 3])
    [1.0, -0.3333333333333333]
    """
    drawn, mean = _count_and_mean(returns, counts)
    if drawn < 2:
        return [0.0 for _ in returns]
    # R - (n mean - R) / (n - 1)
    return [(value - mean) * drawn / (drawn - 1) for value in returns]


def group_normalised(returns: Sequence[float], counts: Sequence[int]) -> list[float]:
    """Return `(R - mean) / deviation` over a problem's programs (GRPO, Shao et al. 2024, section 4.1.2).

    Where all returns are the same the advantage is 0.

    >>> [round(value, 3) for value in group_normalised([1.0, -1.0], [2, 2])]
    [1.0, -1.0]
    """
    drawn, mean = _count_and_mean(returns, counts)
    if drawn < 2:
        return [0.0 for _ in returns]
    variance = sum(count * (value - mean) ** 2 for value, count in zip(returns, counts, strict=True)) / drawn
    deviation = math.sqrt(variance)
    if deviation < _SMALL:
        return [0.0 for _ in returns]
    return [(value - mean) / deviation for value in returns]


def gae(rewards: Sequence[float], values: Sequence[float], trace: float, discount: float = 1.0) -> list[float]:
    """Return the generalised advantage of every token of a program (Schulman et al. 2016, equation 16).

    Args:
        rewards: (tokens,) reward of each token.
        values: (tokens,) value of the state before each token; the state after the last one is worth 0.
        trace: lambda; 1 gives the return to come minus the value.
        discount: gamma.

    >>> gae([0.0, 1.0], [0.5, 0.5], trace=1.0)
    [0.5, 0.5]
    """
    if len(rewards) != len(values):
        raise ValueError(f"there are {len(rewards)} rewards and {len(values)} values; one of each per token is needed")
    advantages = [0.0] * len(rewards)
    following = advantage = 0.0
    for place in reversed(range(len(rewards))):
        surprise = rewards[place] + discount * following - values[place]
        advantage = surprise + discount * trace * advantage
        advantages[place] = advantage
        following = values[place]
    return advantages


def whitened(rows: Sequence[Sequence[float]], counts: Sequence[int]) -> list[tuple[float, ...]]:
    """Return token advantages moved and scaled to mean 0 and deviation 1 over all tokens of a batch.

    Args:
        rows: the token advantages of each row.
        counts: how often each row was drawn.
    """
    tokens = sum(count * len(row) for row, count in zip(rows, counts, strict=True))
    if tokens == 0:
        return [() for _ in rows]
    mean = sum(count * sum(row) for row, count in zip(rows, counts, strict=True)) / tokens
    square = sum(count * sum((value - mean) ** 2 for value in row) for row, count in zip(rows, counts, strict=True))
    deviation = math.sqrt(square / tokens)
    if deviation < _SMALL:
        return [tuple(0.0 for _ in row) for row in rows]
    return [tuple((value - mean) / deviation for value in row) for row in rows]


def _count_and_mean(returns: Sequence[float], counts: Sequence[int]) -> tuple[int, float]:
    drawn = sum(counts)
    return drawn, sum(count * value for value, count in zip(returns, counts, strict=True)) / max(drawn, 1)
