"""From a task's id and a completion to a reward."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from coderl_env.adapters.scoring import ProgramScorer, ScorerSettings, make_scorer, prompt_rows, shared_scorer
from coderl_env.datasets import load_dataset
from coderl_env.judge import JudgeError
from coderl_env.outcome import Outcome
from coderl_env.problem import Limits


def test_completions_are_judged_in_their_order(toy: Any) -> None:
    scorer = make_scorer(toy.settings)
    scored = scorer.score_many(["toy/echo", "toy/double", "toy/echo"], ["right", "return 1", "```\nwrong\n```"])
    assert [item.task_id for item in scored] == ["toy/echo", "toy/double", "toy/echo"]
    assert [item.program for item in scored] == ["right", "def double(n):\n    return 1", "wrong\n"]
    assert [item.reward for item in scored] == [1.0, -0.3, -0.3]
    assert [item.passed for item in scored] == [True, False, False]
    assert [item.pass_fraction for item in scored] == [1.0, 0.5, 0.5]
    assert scored[0].required() == 1.0


def test_the_same_program_is_judged_once(toy: Any) -> None:
    scorer = make_scorer(toy.settings)
    scorer.score_many(["toy/echo"] * 3 + ["toy/double"], ["right", "```\nright```", "```\nright```", "right"])
    assert toy.judge.asked == [
        ("toy/echo", "right"),
        ("toy/echo", "right```"),
        ("toy/double", "def double(n):\n    right"),
    ]


def test_where_the_judge_fails_there_is_no_reward(toy: Any) -> None:
    scored = make_scorer(toy.settings).score_many(["toy/echo", "toy/echo"], ["crash", "right"])
    assert [item.reward for item in scored] == [None, 1.0]
    assert (scored[0].judgement, scored[0].passed, scored[0].pass_fraction) == (None, False, 0.0)
    with pytest.raises(JudgeError, match="a completion for 'toy/echo' could not be judged: no worker"):
        scored[0].required()


def test_the_id_says_which_data_set() -> None:
    scorer = make_scorer({})
    for name in ("synth", "apps", "mbpp", "humaneval"):
        problem = next(iter(load_dataset(name)))
        assert scorer.problem(problem.id) == problem


def test_settings_of_environments_are_understood() -> None:
    settings = ScorerSettings.of({"limits": {"cpu_seconds": 0.5}, "tests": "examples", "reward": "binary"})
    scorer = ProgramScorer(settings)
    problem = scorer.problem("apps/sample/0001")
    assert problem.tests == problem.examples
    scored = scorer.score("apps/sample/0001", "while True: pass")
    assert scored.judgement is not None
    assert (scored.judgement.outcome, scored.reward) == (Outcome.RUNTIME_ERROR, 0.0)
    assert scorer.score("apps/sample/0001", problem.solutions[0]).reward == 1.0
    scorer.close()
    scorer.close()
    assert scorer.score("apps/sample/0001", "(").reward == 0.0
    scorer.close()


def test_a_scorer_pickles_as_its_settings() -> None:
    scorer = make_scorer({"dataset": "apps", "reward": "binary", "limits": Limits(cpu_seconds=1)})
    scorer.score("apps/sample/0001", "(")
    copy = pickle.loads(pickle.dumps(scorer))
    assert copy.score("apps/sample/0001", "(").reward == 0.0
    scorer.close()
    copy.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rewards": "coderl"}, "unknown setting of a reward 'rewards'; did you mean 'reward'"),
        ({"reward": "codrl"}, "unknown reward 'codrl'"),
        ({"completion": "fence"}, "unknown style of completion 'fence'"),
        ({"dataset": "aps"}, "unknown data set 'aps'"),
        ({"isolation": "strickt"}, "unknown isolation"),
        ({"limits": {"cpu": 1}}, "unknown limit 'cpu'"),
    ],
)
def test_unusable_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_scorer(settings)


def test_a_judge_that_stops_early_suits_some_rewards_only(toy: Any) -> None:
    toy.judge.stop = "first_failure"
    make_scorer({**toy.settings, "reward": "binary"})
    with pytest.raises(ValueError, match="reward 'rltf' reads the share of tests passed"):
        make_scorer({**toy.settings, "reward": "rltf"})


@pytest.mark.parametrize(
    ("task_id", "message"),
    [
        ("toy/ecko", "unknown problem 'toy/ecko'; did you mean 'toy/echo'"),
        (3, "a task is named by its problem's id, such as 'synth/train/1/7', not by 3"),
    ],
)
def test_unknown_tasks(toy: Any, task_id: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_scorer(toy.settings).score(task_id, "right")


def test_a_task_that_names_no_data_set() -> None:
    with pytest.raises(ValueError, match="task 'two-sum' does not say where it comes from"):
        make_scorer({}).score("two-sum", "right")


def test_as_many_tasks_as_completions(toy: Any) -> None:
    with pytest.raises(ValueError, match="1 completions need as many tasks, not 2"):
        make_scorer(toy.settings).score_many(["toy/echo"] * 2, ["right"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reward_must_be_a_finite_number(toy: Any, value: float) -> None:
    scorer = make_scorer({**toy.settings, "reward": lambda judgement: value})
    with pytest.raises(ValueError, match="must be a finite number, not"):
        scorer.score("toy/echo", "right")


def test_equal_settings_share_a_scorer() -> None:
    assert shared_scorer({"reward": "rltf", "tests": "all"}) is shared_scorer({"tests": "all", "reward": "rltf"})
    assert shared_scorer({"reward": "rltf"}) is not shared_scorer({"reward": "binary"})
    with pytest.raises(ValueError, match="settings handed over with every call are JSON values"):
        shared_scorer({"judge": object()})


def test_rows_for_trainers(toy: Any) -> None:
    rows = prompt_rows(toy.dataset)
    assert [row["task_id"] for row in rows] == ["toy/echo", "toy/double"]
    assert rows[0]["prompt"] == "\nQUESTION:\nPrint what you read.\nUse Standard Input format\nANSWER:\n"
    assert prompt_rows(toy.dataset, 1, chat=True) == [
        {"prompt": [{"role": "user", "content": rows[0]["prompt"]}], "task_id": "toy/echo"}
    ]
    synth = load_dataset("synth")
    assert prompt_rows(synth, 5, seed=1) == prompt_rows(synth, 5, seed=1) != prompt_rows(synth, 5, seed=2)
    with pytest.raises(ValueError, match="data set 'synth' has no end; say how many rows with count="):
        prompt_rows(synth)
