"""Real data loads completely; the numbers are those of the data's own description."""

import json
from collections import Counter
from pathlib import Path

import pytest

from coderl_env.datasets import load_dataset
from coderl_env.problem import AssertCase, CallCase, StdioCase


def lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


@pytest.mark.parametrize(
    ("name", "split", "place", "loaded_name", "size", "skipped"),
    [
        ("apps", "train", "", "apps", 99, 1),
        ("apps", "test", "", "apps", 150, 0),
        ("apps", "train", "apps", "apps", 99, 1),
        ("apps", "test", "apps/test_codetree.jsonl", "apps", 150, 0),
        ("apps", "train", "codecontests.jsonl", "code_contests", 92, 0),
        ("apps", "test", "codecontests.jsonl", "code_contests", 58, 0),
        ("apps", "train", "leetcode.jsonl", "leetcode", 633, 0),
        ("apps", "test", "leetcode.jsonl", "leetcode", 167, 0),
        ("mbpp", "prompt", "", "mbpp", 10, 0),
        ("mbpp", "train", "", "mbpp", 374, 0),
        ("mbpp", "validation", "", "mbpp", 90, 0),
        ("mbpp", "test", "mbpp.jsonl", "mbpp", 500, 0),
        ("humaneval", "test", "", "humaneval", 164, 0),
    ],
)
def test_every_problem_loads(
    shared_data: Path, name: str, split: str, place: str, loaded_name: str, size: int, skipped: int
) -> None:
    dataset = load_dataset(name, split, shared_data / place)
    assert (dataset.name, dataset.size, dataset.skipped) == (loaded_name, size, skipped)


def test_apps_train_is_as_described(shared_data: Path) -> None:
    problems = list(load_dataset("apps", "train", shared_data))
    # The problem that is skipped is introductory, call-based and has two solutions.
    assert Counter(problem.difficulty for problem in problems) == {
        "introductory": 34,
        "interview": 35,
        "competition": 30,
    }
    assert Counter(type(problem.tests[0]) for problem in problems) == {StdioCase: 89, CallCase: 10}
    rows = [json.loads(line) for line in (shared_data / "apps" / "train.jsonl").read_text().splitlines()]
    untested = next(row for row in rows if not row["inputs"])
    assert sum(len(problem.solutions) for problem in problems) == 1592 - len(untested["solutions"])


def test_codewars_outputs_are_unwrapped_and_leetcode_ones_are_not(shared_data: Path) -> None:
    dataset = load_dataset("apps", "train", shared_data)
    assert dataset.get("apps/train/4184").tests[:2] == (CallCase((1,), False), CallCase((2,), True))
    assert dataset.get("apps/train/2405").tests == (CallCase(([4, -1, 3], [[], []]), 25),)
    rows = [json.loads(line) for line in (shared_data / "leetcode.jsonl").read_text().splitlines()]
    loaded = {
        problem.id: problem
        for split in ("train", "test")
        for problem in load_dataset("apps", split, shared_data / "leetcode.jsonl")
    }
    for row in rows:
        tests = loaded[row["task_id"]].tests
        if isinstance(tests[0], CallCase):
            assert [case.expected for case in tests if isinstance(case, CallCase)] == row["outputs"], row["task_id"]


def test_examples_equal_the_recorded_ones(shared_data: Path) -> None:
    """148 of 150 are equal; one more has the whole input, where the recorded one lost its second paragraph."""
    recorded = {}
    for line in (shared_data / "apps" / "test_example_tests.jsonl").read_text().splitlines():
        row = json.loads(line)
        recorded[row["task_id"]] = [(lines(a), lines(b)) for a, b in zip(row["inputs"], row["outputs"], strict=True)]
    different = []
    for problem in load_dataset("apps", "test", shared_data):
        found = [(lines(case.stdin), lines(case.expected)) for case in problem.examples if isinstance(case, StdioCase)]
        if found != recorded[problem.id]:
            different.append(problem.id)
    assert different == ["apps/test/2745", "apps/test/3214"]


def test_call_examples_never_contradict_the_tests(shared_data: Path) -> None:
    """Two of LeetCode's problems have no example; those of the others agree with the tests of the same arguments."""
    without = 0
    for split in ("train", "test"):
        for problem in load_dataset("apps", split, shared_data / "leetcode.jsonl"):
            if not isinstance(problem.tests[0], CallCase):
                continue
            known = {repr(case.args): case.expected for case in problem.tests if isinstance(case, CallCase)}
            without += not problem.examples
            for case in problem.examples:
                assert isinstance(case, CallCase)
                assert known.get(repr(case.args), case.expected) == case.expected, problem.id
    assert without == 2


def test_humaneval_checks_are_split_where_safe(shared_data: Path) -> None:
    problems = list(load_dataset("humaneval", "test", shared_data))
    whole = {
        problem.id
        for problem in problems
        if any("def check(" in case.code for case in problem.tests if isinstance(case, AssertCase))
    }
    assert whole == {f"HumanEval/{number}" for number in (32, 38, 44, 50, 53, 151)}
    assert all(solution.startswith(problem.starter_code) for problem in problems for solution in problem.solutions)
