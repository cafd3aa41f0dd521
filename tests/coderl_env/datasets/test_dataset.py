"""ProblemSet: the finite data set."""

import numpy as np
import pytest

from coderl_env.datasets import Dataset, DatasetError, ProblemSet
from coderl_env.problem import Problem, StdioCase

CASES = (StdioCase("1\n", "2\n"),)


def problems(count: int) -> list[Problem]:
    return [Problem(f"apps/train/{number:04d}", "Add one.", CASES) for number in range(count)]


def test_problem_set_is_a_dataset() -> None:
    assert isinstance(ProblemSet("apps", "train", tuple(problems(1))), Dataset)


def test_problems_without_tests_are_counted_and_not_served() -> None:
    untested = Problem("apps/train/9999", "Nothing to check.", ())
    dataset = ProblemSet.of("apps", "train", [*problems(2), untested])
    assert (dataset.size, dataset.skipped, len(list(dataset))) == (2, 1, 2)
    with pytest.raises(ValueError, match="unknown problem 'apps/train/9999'"):
        dataset.get("apps/train/9999")
    with pytest.raises(DatasetError, match="has no tests"):
        ProblemSet("apps", "train", (untested,))


def test_get_returns_the_problem_or_names_the_nearest() -> None:
    dataset = ProblemSet.of("apps", "train", problems(50))
    assert dataset.get("apps/train/0007") is dataset.problems[7]
    with pytest.raises(ValueError, match="did you mean 'apps/train/0007'") as raised:
        dataset.get("aps/train/0007")
    assert len(str(raised.value)) < 300


def test_draw_depends_on_the_generator_alone_and_reaches_every_problem() -> None:
    dataset = ProblemSet.of("apps", "train", problems(5))
    first = [dataset.draw(np.random.default_rng(3)).id for _ in range(2)]
    assert first[0] == first[1]
    rng = np.random.default_rng(0)
    assert {dataset.draw(rng).id for _ in range(200)} == {problem.id for problem in dataset}


def test_empty_and_ambiguous_sets_are_refused() -> None:
    with pytest.raises(DatasetError, match="no problem to serve; 1 without tests"):
        ProblemSet.of("apps", "train", [Problem("a", "b", ())])
    with pytest.raises(DatasetError, match="two problems"):
        ProblemSet.of("apps", "train", [*problems(1), *problems(1)])
