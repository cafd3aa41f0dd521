"""What judged programs teach: the advantage of every token, with what else the loss needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coderl_agents.codet5.experience import Group, Row
from coderl_agents.policy_gradient.advantages import greedy_baseline, group_normalised, leave_one_out
from coderl_agents.policy_gradient.value_head import Estimate

__all__ = ["Signal", "Taught", "program_signals", "rows_of", "token_signals"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What a program teaches, one number for each of its tokens.

    Attributes:
        gains: advantages.
        reference: log-probabilities under the reference, where the loss has a distance from it.
        estimate: PPO's values, where there is a value head.
    """

    gains: tuple[float, ...]
    reference: tuple[float, ...] | None = None
    estimate: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Taught:
    """The programs of one problem that teach something.

    Attributes:
        group: the problem, with these programs only.
        signals: one for each row of `group`.
    """

    group: Group
    signals: tuple[Signal, ...]

    @property
    def useful(self) -> int:
        """Number of programs drawn that have an advantage, of either sign."""
        pairs = zip(self.group.rows, self.signals, strict=True)
        return sum(row.count for row, signal in pairs if any(signal.gains))


def program_signals(
    groups: Sequence[Group], advantage: str, reference: Sequence[tuple[float, ...]] | None
) -> list[Taught]:
    """Return what groups teach when all tokens of a program have its advantage.

    A program without advantage is left out, unless there is a distance from the reference to keep.

    Args:
        groups: the judged programs.
        advantage: `greedy`, `leave_one_out` or `group`.
        reference: log-probabilities of every row's tokens under the reference, or None.
    """
    others = iter([None for _ in rows_of(groups)] if reference is None else reference)
    taught = []
    for group in groups:
        found = [
            (row, Signal((gain,) * len(row.log_probs), next(others)))
            for row, gain in zip(group.rows, _advantages(group, advantage), strict=True)
        ]
        kept = [(row, signal) for row, signal in found if any(signal.gains) or signal.reference is not None]
        if kept:
            rows, signals = zip(*kept, strict=True)
            taught.append(Taught(replace(group, rows=rows), signals))
    return taught


def token_signals(groups: Sequence[Group], estimates: Sequence[Estimate]) -> list[Taught]:
    """Return what groups teach when every token has an advantage of its own; `estimates` has one for each row."""
    found = iter(estimates)
    signals = [[next(found) for _ in group.rows] for group in groups]
    return [
        Taught(group, tuple(Signal(one.advantages, None, one) for one in own))
        for group, own in zip(groups, signals, strict=True)
    ]


def rows_of(groups: Sequence[Group]) -> list[Row]:
    """Return the rows of all groups, in order."""
    return [row for group in groups for row in group.rows]


def _advantages(group: Group, kind: str) -> list[float]:
    """Return the advantage of each row of a problem."""
    returns, counts = [row.reward for row in group.rows], [row.count for row in group.rows]
    if kind == "greedy":
        assert group.greedy_reward is not None
        return greedy_baseline(returns, group.greedy_reward)
    return leave_one_out(returns, counts) if kind == "leave_one_out" else group_normalised(returns, counts)
