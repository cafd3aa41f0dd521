"""PPO's own parts: the reward of every token, and what is made of rewards and values."""

from __future__ import annotations

from statistics import mean, pstdev

import pytest
import torch

from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.experience import Row
from coderl_agents.policy_gradient.value_head import ValueHead, estimates, token_rewards
from coderl_env.outcome import Outcome


def row(reward: float, *log_probs: float, count: int = 1) -> Row:
    return Row(Example((1,), (), (2,) * len(log_probs)), log_probs, count, Outcome.FAILED_TEST, reward)


def test_leaving_the_reference_costs_at_every_token_and_the_outcome_counts_at_the_last() -> None:
    found = token_rewards(-0.3, [-1.0, -2.0, -0.5], [-1.5, -1.0, -0.5], 0.1)
    assert found == pytest.approx([-0.05, 0.1, -0.3])
    assert token_rewards(1.0, [-3.0], [-1.0], 0.0) == [1.0]


def test_returns_are_what_the_values_missed_and_advantages_are_whitened() -> None:
    rows = [row(1.0, -1.0, -1.0), row(-0.3, -2.0, count=3)]
    values = [(0.5, 0.25), (0.1,)]
    first, second = estimates(rows, values, None, kl_weight=0.5, trace=1.0)
    # With a trace of 1 and no penalty every token's return is the program's.
    assert first.returns == pytest.approx((1.0, 1.0))
    assert second.returns == pytest.approx((-0.3,))
    assert [first.values, second.values] == values
    raw = [0.5, 0.75, -0.4, -0.4, -0.4]
    white = [(value - mean(raw)) / pstdev(raw) for value in raw]
    assert [*first.advantages, *second.advantages] == pytest.approx(white[:3])


def test_the_penalty_reaches_the_earlier_tokens() -> None:
    (found,) = estimates([row(0.0, -1.0, -1.0)], [(0.0, 0.0)], [(-1.0, -3.0)], kl_weight=0.1, trace=1.0)
    assert found.returns == pytest.approx((-0.2, -0.2))


def test_a_new_head_expects_nothing() -> None:
    assert ValueHead(4)(torch.randn(3, 4)).tolist() == [0.0] * 3
