"""Evaluation: counts, filtering by examples against brute force, and rows."""

from __future__ import annotations

from concurrent.futures import Future
from itertools import combinations

import pytest

from coderl_env.agent import Episode, Program
from coderl_env.experiment.evaluation import (
    Evaluation,
    Remembering,
    ShownResult,
    evaluate,
    evaluation_row,
    filtered_pass_at_k,
    gain_row,
    judge_examples,
)
from coderl_env.judge import JudgeError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase
from coderl_env.reward import coderl
from coderl_env.tokens import load_tokenizer

CASE, SHOWN = StdioCase("1", "1"), StdioCase("2", "2")
PROBLEMS = [Problem("p/0", "x", (CASE,), examples=(SHOWN,)), Problem("p/1", "x", (CASE,))]


def judgement(outcome: Outcome) -> Judgement:
    return Judgement(outcome, (CaseResult(Verdict.ACCEPTED),), "none", "lines", "0")


class WordJudge:
    """Hidden tests pass programs with `hidden`, examples those with `shown`; `broken` cannot be judged."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        self.submitted += 1
        future: Future[Judgement] = Future()
        if "broken" in program:
            future.set_exception(JudgeError("no worker"))
            return future
        word = "shown" if problem.tests == (SHOWN,) else "hidden"
        future.set_result(judgement(Outcome.PASSED if word in program else Outcome.FAILED_TEST))
        return future


class Writer:
    """Writes the programs of a table, and the first of them when greedy."""

    def __init__(self, table: dict[str, list[str]]) -> None:
        self.table = table

    def generate(self, tasks, samples, sampling):
        return [[Program(text) for text in self.table[task.id][:samples]] for task in tasks]

    def begin(self, tasks, sampling) -> None: ...

    def act(self, observations, infos): ...

    def learn(self, episodes): ...

    def save(self, path) -> None: ...


def run(table: dict[str, list[str]], judge: WordJudge | Remembering, samples: int = 3) -> Evaluation:
    return evaluate(
        Writer(table),
        PROBLEMS,
        judge,
        samples=samples,
        temperature=0.6,
        seed=0,
        reward=coderl,
        tokenizer=load_tokenizer("nano"),
        max_prompt_tokens=100,
        max_program_tokens=20,
    )


TABLE = {"p/0": ["a", "hidden b", "hidden shown c"], "p/1": ["hidden", "x", "y"]}


def test_metrics_are_per_problem() -> None:
    found = run(TABLE, WordJudge())
    assert found.problems == ("p/0", "p/1")
    assert found.passed == [2, 1]
    metrics = found.metrics((1, 2, 5))
    assert set(metrics) == {"pass_at_1", "pass_at_2", "greedy"}  # five of three samples is no estimate
    assert metrics["pass_at_1"] == pytest.approx([2 / 3, 1 / 3])
    assert metrics["greedy"] == [0.0, 1.0]
    assert found.outcomes == {"compile_error": 0, "runtime_error": 0, "failed_test": 3, "passed": 3}


def test_a_program_that_could_not_be_judged_is_no_figure() -> None:
    found = run({"p/0": ["broken", "x", "y"], "p/1": ["x"] * 3}, WordJudge())
    with pytest.raises(JudgeError, match="p/0"):
        found.metrics()


def test_examples_are_judged_as_such() -> None:
    judge = WordJudge()
    found = run(TABLE, judge)
    shown = judge_examples(found, PROBLEMS, judge)
    assert shown[0] == [ShownResult(False, False), ShownResult(False, True), ShownResult(True, True)]
    # Without examples nothing can be told apart.
    assert [result.examples for result in shown[1]] == [True] * 3


@pytest.mark.parametrize("n", [1, 3, 5])
def test_filtered_pass_at_k_equals_brute_force(n: int) -> None:
    for code in range(4**n):
        results = [ShownResult(bool(code >> 2 * i & 1), bool(code >> 2 * i & 2)) for i in range(n)]
        for k in range(1, n + 1):
            chosen = [result for result in results if result.examples]
            others = [result for result in results if not result.examples]
            if len(chosen) >= k:
                sets = list(combinations(chosen, k))
            else:
                sets = [(*chosen, *rest) for rest in combinations(others, k - len(chosen))]
            expected = sum(any(result.hidden for result in group) for group in sets) / len(sets)
            assert filtered_pass_at_k(results, k) == pytest.approx(expected)


def test_filtering_needs_enough_programs() -> None:
    with pytest.raises(ValueError, match="between 1 and the 1 programs, not 2"):
        filtered_pass_at_k([ShownResult(True, True)], 2)


def test_the_memory_answers_for_equal_tests_only() -> None:
    judge = WordJudge()
    memory = Remembering(judge)
    first = memory.submit("hidden", PROBLEMS[0])
    assert memory.submit("hidden", PROBLEMS[0]) is first
    assert judge.submitted == 1
    run(TABLE, memory)
    before = judge.submitted
    judge_examples(run(TABLE, memory), PROBLEMS, memory)
    assert judge.submitted == before + 3
    # A failure of ours is not remembered.
    memory.submit("broken", PROBLEMS[0])
    memory.submit("broken", PROBLEMS[0])
    assert judge.submitted == before + 5


def test_rows_and_gains_are_means_with_intervals() -> None:
    after, before = {"pass_at_1": [1.0, 0.5, 0.5, 1.0], "extra": [1.0] * 4}, {"pass_at_1": [0.5, 0.5, 0.0, 0.0]}
    row = evaluation_row(after, 0)["pass_at_1"]
    assert row["mean"] == 0.75
    assert row["low"] < 0.75 < row["high"]
    gain = gain_row(after, before, 0)
    assert set(gain) == {"pass_at_1"}
    assert gain["pass_at_1"]["mean"] == 0.5


def test_episodes_are_heard_greedy_first() -> None:
    heard: list[Episode] = []
    evaluate(
        Writer(TABLE),
        PROBLEMS,
        WordJudge(),
        samples=2,
        temperature=0.6,
        seed=0,
        reward=coderl,
        tokenizer=load_tokenizer("nano"),
        max_prompt_tokens=100,
        max_program_tokens=20,
        on_judgement=heard.append,
    )
    assert [episode.text for episode in heard] == ["a", "hidden", "a", "hidden b", "hidden", "x"]
