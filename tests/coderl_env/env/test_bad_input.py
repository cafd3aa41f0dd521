"""Whatever is wrong with an argument or an action is said in one sentence, with what is valid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.problem import Limits, Problem

MakeEnv = Callable[..., ProgramEnv]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"action_mode": "tokens"}, "unknown action mode 'tokens'; did you mean 'token'?"),
        ({"action_mode": None}, "unknown action mode None"),
        ({"action_mode": ["token"]}, "unknown action mode"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"tests": "hiden"}, "unknown choice of tests 'hiden'; did you mean 'hidden'?"),
        ({"reward": "codrl"}, "unknown reward 'codrl'; did you mean 'coderl'?"),
        ({"reward": {}}, "unknown reward"),
        ({"dataset": "aps"}, "unknown data set 'aps'; did you mean 'apps'?"),
        ({"dataset": 3}, "dataset must be a name or a Dataset, not int 3"),
        ({"split": "train"}, "belong to the data set that is given"),
        ({"dataset": "synth", "split": "trian"}, "unknown split of synth 'trian'; did you mean 'train'?"),
        ({"tokenizer": "/no/such/folder"}, "no tokenizer at '/no/such/folder'"),
        ({"max_prompt_tokens": 0}, "max_prompt_tokens must be a positive integer, not 0"),
        ({"max_prompt_tokens": 6.0}, "max_prompt_tokens must be a positive integer, not 6.0"),
        ({"max_program_tokens": True}, "max_program_tokens must be a positive integer, not True"),
        (
            {"max_program_tokens": 4},
            "'toy/double' leaves no room for a program: its starter code takes [0-9]+ tokens",
        ),
        ({"max_prompt_tokens": 4}, "does not fit: what follows the question takes 4 tokens.*at least 5"),
        ({"copy": "no"}, "copy must be True or False, not 'no'"),
        ({"action_mask": 1}, "action_mask must be True or False, not 1"),
        ({"dataset": "apps", "difficulties": "interview"}, "difficulties must be a list of names"),
        ({"dataset": "apps", "difficulties": [3]}, "difficulties must be a list of names"),
        ({"dataset": "apps", "difficulties": ["interwiev"]}, "'interwiev'; did you mean 'interview'?"),
        ({"dataset": "apps", "split": ["train"]}, "split must be a name or None"),
        ({"dataset": "apps", "split": "train", "data_dir": 3}, "data_dir must be a path or None, not 3"),
        ({"dataset": "apps", "split": "train", "data_dir": "/no/such"}, "/no/such does not exist"),
        ({"tokenizer": ""}, "no tokenizer at ''"),
        ({"attempts": True}, "attempts must be 1, not True"),
        ({"attempts": 2}, "attempts must be 1, not 2"),
        ({"action_mask": True, "action_mode": "line"}, "action_mask needs action_mode='token', not 'line'"),
        ({"judge": object()}, "judge must be a judge object"),
        ({"limits": {"cpu_seconds": 1}}, "belong to the judge that is given"),
        ({"judge": None, "limits": {"cpu": 1}}, "unknown limit 'cpu'"),
        ({"judge": None, "limits": {"cpu_seconds": -1}}, "limit 'cpu_seconds' must be positive"),
        ({"judge": None, "limits": 3}, "limits must be"),
        ({"judge": None, "comparator": "linse"}, "unknown comparator 'linse'; did you mean 'lines'?"),
        ({"judge": None, "isolation": "strickt"}, "unknown isolation.* 'strickt'; did you mean 'strict'?"),
    ],
)
def test_unusable_arguments(make_env: MakeEnv, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_env(**settings)


@pytest.mark.parametrize("limits", [None, {"cpu_seconds": 1.5}, Limits(cpu_seconds=1.5)])
def test_limits_may_be_json_or_an_object(make_env: MakeEnv, limits: Any) -> None:
    make_env(judge=None, limits=limits).close()


@pytest.mark.parametrize("action", [-1, 10**30, np.int64(-5)])
def test_tokens_out_of_range(make_env: MakeEnv, action: Any) -> None:
    env = make_env()
    env.reset()
    with pytest.raises(ValueError, match=f"action {action} is out of range; token ids are 0 to"):
        env.step(action)
    with pytest.raises(ValueError, match="out of range"):
        env.step(len(env.tokenizer))


@pytest.mark.parametrize("action", ["print", 3.0, None, True, np.bool_(True), np.array([3]), np.float32(3), [3]])
def test_tokens_of_the_wrong_kind(make_env: MakeEnv, action: Any) -> None:
    env = make_env()
    env.reset()
    with pytest.raises(ValueError, match="an action is an integer token id in token mode, not "):
        env.step(action)


@pytest.mark.parametrize("action", [3, np.int64(3), np.int32(3), np.uint8(3), np.array(3)])
def test_integers_of_every_kind_are_tokens(make_env: MakeEnv, action: Any) -> None:
    env = make_env()
    env.reset(options={"problem_id": "toy/echo"})
    assert env.step(action)[0]["program"][0] == 3


@pytest.mark.parametrize("mode", ["line", "program"])
@pytest.mark.parametrize("action", [3, None, b"print", ["print"]])
def test_text_of_the_wrong_kind(make_env: MakeEnv, mode: str, action: Any) -> None:
    env = make_env(action_mode=mode)
    env.reset()
    with pytest.raises(ValueError, match=f"an action is text in {mode} mode, not {type(action).__name__}"):
        env.step(action)


def test_a_bad_action_changes_nothing(make_env: MakeEnv) -> None:
    env = make_env()
    env.reset(options={"problem_id": "toy/echo"})
    env.step(5)
    with pytest.raises(ValueError, match="out of range"):
        env.step(-1)
    observation = env.step(6)[0]
    assert observation["program"][:3].tolist() == [5, 6, env.tokenizer.pad_id]


@pytest.mark.parametrize(("mode", "action"), [("token", 5), ("line", "x"), ("program", "x")])
def test_steps_without_an_episode(make_env: MakeEnv, mode: str, action: Any) -> None:
    env = make_env(action_mode=mode)
    with pytest.raises(ResetNeeded, match="no episode has begun; call reset"):
        env.step(action)
    env.reset()
    env.step(env.tokenizer.eos_id if mode == "token" else "")
    with pytest.raises(ResetNeeded, match="the episode is over; call reset"):
        env.step(action)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problem_id": "toy/ecko"}, "unknown problem 'toy/ecko'; did you mean 'toy/echo'?"),
        ({"problem_id": 3}, "unknown problem 3"),
        ({"problem": "toy/echo"}, "unknown reset option 'problem'; did you mean 'problem_id'?"),
    ],
)
def test_unusable_reset_options(make_env: MakeEnv, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_env().reset(options=options)


def test_a_failed_reset_ends_the_episode(make_env: MakeEnv) -> None:
    env = make_env()
    env.reset()
    with pytest.raises(ValueError, match="unknown problem"):
        env.reset(options={"problem_id": "nope"})
    with pytest.raises(ValueError, match="call reset"):
        env.step(5)


def test_a_long_question_is_cut_and_its_ending_kept(make_env: MakeEnv, echo: Problem) -> None:
    long = replace(echo, statement="Print what you read. " * 5000)
    env = make_env(dataset=ProblemSet("toy", "long", (long,)))
    observation, info = env.reset()
    assert info["prompt_truncated"] is True
    assert len(info["prompt_text"]) > 100_000
    assert observation["prompt_length"].tolist() == [64]
    shown = env.tokenizer.decode(observation["prompt"].tolist())
    assert shown.startswith("\nQUESTION:\nPrint what you read.")
    assert shown.endswith("\nUse Standard Input format\nANSWER:\n")


@pytest.mark.parametrize("reward", [lambda judgement: float("nan"), lambda judgement: float("inf")])
def test_a_reward_must_be_a_finite_number(make_env: MakeEnv, reward: Any) -> None:
    env = make_env(reward=reward)
    env.reset()
    with pytest.raises(ValueError, match="must be a finite number, not"):
        env.step(env.tokenizer.eos_id)


def test_examples_of_a_data_set_without_any(make_env: MakeEnv, double: Problem) -> None:
    with pytest.raises(ValueError, match="toy/bare has no problem to serve; 1 without tests"):
        make_env(dataset=ProblemSet("toy", "bare", (double,)), tests="examples")


@pytest.mark.parametrize(
    ("reward", "fits"), [("coderl", True), ("binary", True), ("rltf", False), ("pass_fraction", False)]
)
def test_a_judge_that_stops_early_suits_some_rewards_only(
    make_env: MakeEnv, lookup_judge: Any, reward: str, fits: bool
) -> None:
    lookup_judge.stop = "first_failure"
    if fits:
        make_env(reward=reward)
    else:
        with pytest.raises(ValueError, match=f"reward '{reward}' reads the share of tests passed"):
            make_env(reward=reward)
