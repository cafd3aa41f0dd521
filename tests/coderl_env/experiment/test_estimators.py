"""Estimators against brute force and against cases whose answer is known."""

from __future__ import annotations

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from coderl_env.experiment.estimators import Estimate, bootstrap_mean, paired_difference, pass_at_k


def _enumerated(n: int, c: int, k: int) -> Fraction:
    draws = list(itertools.combinations([index < c for index in range(n)], k))
    return Fraction(sum(map(any, draws)), len(draws))


@pytest.mark.parametrize("n", range(1, 9))
def test_pass_at_k_equals_enumeration_of_all_draws(n: int) -> None:
    for c in range(n + 1):
        for k in range(1, n + 1):
            assert pass_at_k(n, c, k) == float(_enumerated(n, c, k)), (n, c, k)


def test_pass_at_k_stays_exact_for_many_samples() -> None:
    assert pass_at_k(100_000, 1, 1) == 1e-5
    assert pass_at_k(10_000, 1, 5000) == 0.5
    assert pass_at_k(1000, 0, 1000) == 0.0
    assert pass_at_k(1000, 1, 1000) == 1.0


@pytest.mark.parametrize(("n", "c", "k"), [(5, 6, 1), (5, -1, 1), (5, 1, 0), (5, 1, 6), (0, 0, 1)])
def test_pass_at_k_refuses_impossible_counts(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="between"):
        pass_at_k(n, c, k)


def test_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    """400 experiments of 80 draws with known mean: a 90 % interval holds it in about 90 % of them."""
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(400):
        values = rng.binomial(10, 0.3, size=80) / 10
        estimate = bootstrap_mean(values, seed=trial, resamples=500, level=0.9)
        hits += estimate.low <= 0.3 <= estimate.high
    # Three standard deviations of a binomial share around 0.9 (and the percentile interval is slightly narrow).
    assert 0.84 <= hits / 400 <= 0.95


def test_interval_equals_the_normal_one_where_that_is_right() -> None:
    values = np.random.default_rng(1).normal(2.0, 1.0, size=2000)
    estimate = bootstrap_mean(values, seed=0)
    half = 1.959964 * values.std() / np.sqrt(values.size)
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_multinomial_resampling_is_the_bootstrap() -> None:
    """The distribution of resampled means equals that of drawing indices with replacement, enumerated exactly."""
    values = [0.0, 0.0, 1.0, 0.5]
    means = sorted(sum(draw) / 4 for draw in itertools.product(values, repeat=4))
    estimate = bootstrap_mean(values, seed=3, resamples=40_000, level=0.5)
    assert estimate.low == np.quantile(means, 0.25)
    assert estimate.high == np.quantile(means, 0.75)


def test_pairing_beats_two_separate_intervals_on_correlated_figures() -> None:
    rng = np.random.default_rng(5)
    before = rng.beta(0.5, 0.5, size=300)
    after = np.clip(before + rng.normal(0.03, 0.05, size=300), 0, 1)
    paired = paired_difference(after, before, seed=0)
    first, second = bootstrap_mean(after, seed=0), bootstrap_mean(before, seed=0)
    assert paired.low > 0
    assert first.low < second.high  # unpaired, the two cannot be told apart
    assert paired.mean == pytest.approx(first.mean - second.mean)


def test_equal_seeds_give_equal_intervals_and_others_differ() -> None:
    values = np.random.default_rng(2).random(50)
    assert bootstrap_mean(values, seed=1) == bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)


def test_the_global_generator_is_left_alone() -> None:
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - the state that must not change
    bootstrap_mean([0.0, 1.0, 0.5], seed=1)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert (state["state"]["key"] == after["state"]["key"]).all()
    assert state["state"]["pos"] == after["state"]["pos"]


def test_memory_stays_small_for_many_problems() -> None:
    values = np.random.default_rng(0).random(20_000)  # all distinct: the worst case
    tracemalloc.start()
    bootstrap_mean(values, seed=0, resamples=300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


def test_an_estimate_is_a_dict_for_json() -> None:
    assert Estimate(0.5, 0.4, 0.6).to_dict() == {"mean": 0.5, "low": 0.4, "high": 0.6}


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, float("nan")], [float("inf")]])
def test_unusable_values_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="bootstrap needs"):
        bootstrap_mean(values, seed=0)


def test_a_pair_needs_equal_lengths() -> None:
    with pytest.raises(ValueError, match="same problems twice, not 2 and 3"):
        paired_difference([1, 2], [1, 2, 3], seed=0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_share(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean([1.0, 2.0], seed=0, level=level)
