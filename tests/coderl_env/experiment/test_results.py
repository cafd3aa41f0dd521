"""What rows come to, against counts made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from coderl_env.experiment.estimators import pass_at_k
from coderl_env.experiment.results import gather, result_summary, with_order
from coderl_env.experiment.sweep.records import TaskCount

COUNTS = [
    TaskCount(0, "rl", "easy", "b", False, (0, 1, 1, 2), 3, 2),
    TaskCount(0, "rl", "easy", "b", True, (0, 0, 0, 1), None, None),
    TaskCount(0, "rl", "hard", "a", False, (4, 0, 0, 0), 0, 0),
    TaskCount(0, "rl", "hard", "a", True, (1, 0, 0, 0), None, None),
    TaskCount(1, "rl", None, "a", False, (1, 1, 1, 7), None, None),
]


def test_problems_are_sorted_whatever_the_order_of_their_counts() -> None:
    result = gather(COUNTS)[0, "rl"]
    assert result.task_ids == ("a", "b")
    assert result.difficulties == ("hard", "easy")
    assert result.outcomes.tolist() == [[4, 0, 0, 0], [0, 1, 1, 2]]
    assert result.greedy is not None
    assert result.greedy.tolist() == [0.0, 1.0]
    assert result.mix() == {"compile_error": 4, "runtime_error": 1, "failed_test": 1, "passed": 2}


def test_figures_are_those_that_there_are_samples_for() -> None:
    results = gather(COUNTS)
    metrics = results[0, "rl"].metrics()
    assert list(metrics) == ["pass@1", "greedy", "1@4"]
    assert metrics["pass@1"].tolist() == [0.0, 0.5]
    # Three of b's four programs pass the examples, two of these the tests too: one of the three is handed in.
    assert metrics["1@4"] == pytest.approx([0.0, 2 / 3])
    assert list(results[1, "rl"].metrics((1, 5, 10, 100))) == ["pass@1", "pass@5", "pass@10"]


def test_problems_may_differ_in_their_number_of_samples() -> None:
    counts = [
        TaskCount(0, "r", None, "a", False, (0, 0, 4, 2), None, None),
        TaskCount(0, "r", None, "b", False, (0, 0, 6, 3), None, None),
    ]
    result = gather(counts)[0, "r"]
    assert result.fewest == 6
    assert result.metrics((5, 9))["pass@5"] == pytest.approx([pass_at_k(6, 2, 5), pass_at_k(9, 3, 5)])
    assert "pass@9" not in result.metrics((5, 9))


def test_a_summary_has_every_difficulty() -> None:
    summary = result_summary(gather(COUNTS)[0, "rl"], seed=0)
    assert summary["pass_at_1"]["mean"] == 0.25
    assert summary["samples_per_problem"] == [4, 4]
    assert summary["samples"] == 8
    assert summary["difficulties"]["easy"]["pass_at_1"] == {"mean": 0.5, "low": 0.5, "high": 0.5}
    assert summary["difficulties"]["hard"]["problems"] == 1
    assert np.isclose(summary["1_at_4"]["mean"], 1 / 3)


def test_programs_that_were_chosen_have_n_at_k_alone() -> None:
    counts = [TaskCount(0, "rl_critic_sampling", None, name, False, (0, 0, 15, 5), None, None) for name in "abc"]
    result = with_order(gather(counts)[0, "rl_critic_sampling"], {"a": 0, "b": 1, "c": 5})
    assert {name: values.tolist() for name, values in result.metrics().items()} == {
        "1@20": [1.0, 0.0, 0.0],
        "5@20": [1.0, 1.0, 0.0],
    }
