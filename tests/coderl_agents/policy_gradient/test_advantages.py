"""Advantages against the definitions, written out program by program."""

from __future__ import annotations

from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coderl_agents.policy_gradient.advantages import gae, greedy_baseline, group_normalised, leave_one_out, whitened

RETURNS = st.sampled_from([-1.0, -0.6, -0.3, 1.0])
GROUPS = st.lists(st.tuples(RETURNS, st.integers(1, 4)), min_size=1, max_size=5)


def spread(values: list[float], counts: list[int]) -> list[float]:
    return [value for value, count in zip(values, counts, strict=True) for _ in range(count)]


@given(GROUPS)
def test_leave_one_out_compares_with_the_other_programs(group: list[tuple[float, int]]) -> None:
    returns, counts = [value for value, _ in group], [count for _, count in group]
    every = spread(returns, counts)
    expected = [
        value - mean(every[:place] + every[place + 1 :]) if len(every) > 1 else 0.0 for place, value in enumerate(every)
    ]
    assert spread(leave_one_out(returns, counts), counts) == pytest.approx(expected)


@given(GROUPS)
def test_group_normalisation_is_the_standard_score(group: list[tuple[float, int]]) -> None:
    returns, counts = [value for value, _ in group], [count for _, count in group]
    every = spread(returns, counts)
    deviation = pstdev(every)
    expected = [(value - mean(every)) / deviation if deviation > 1e-9 else 0.0 for value in every]
    assert spread(group_normalised(returns, counts), counts) == pytest.approx(expected)


def test_equal_returns_have_no_advantage() -> None:
    """Even where rounding leaves a deviation that is not 0."""
    assert group_normalised([0.1, 0.1 + 1e-12], [3, 5]) == [0.0, 0.0]
    assert whitened([[0.3, 0.3], [0.3]], [1, 2]) == [(0.0, 0.0), (0.0,)]
    assert whitened([[], []], [1, 1]) == [(), ()]


def test_the_greedy_baseline_is_subtracted() -> None:
    assert greedy_baseline([1.0, -0.3], -0.3) == [1.3, 0.0]


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    st.sampled_from([0.9, 1.0]),
)
def test_gae_is_the_discounted_sum_of_surprises(
    tokens: list[tuple[float, float]], trace: float, discount: float
) -> None:
    rewards, values = [reward for reward, _ in tokens], [value for _, value in tokens]
    following = [*values[1:], 0.0]
    surprises = [rewards[t] + discount * following[t] - values[t] for t in range(len(tokens))]
    expected = [
        sum((discount * trace) ** (k - t) * surprises[k] for k in range(t, len(tokens))) for t in range(len(tokens))
    ]
    assert gae(rewards, values, trace, discount) == pytest.approx(expected)


def test_gae_needs_a_value_for_every_reward() -> None:
    with pytest.raises(ValueError, match="2 rewards and 1 values"):
        gae([0.0, 1.0], [0.5], 1.0)


def test_whitening_counts_rows_as_often_as_they_were_drawn() -> None:
    found = whitened([[1.0, 2.0], [4.0]], [2, 3])
    every = [1.0, 2.0, 1.0, 2.0, 4.0, 4.0, 4.0]
    scores = [(value - mean(every)) / pstdev(every) for value in (1.0, 2.0, 4.0)]
    assert [*found[0], *found[1]] == pytest.approx(scores)
