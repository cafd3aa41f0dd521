"""The coats: what each library hands over, and what it gets back."""

from __future__ import annotations

import asyncio
import inspect
import json
import runpy
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Generic, TypeVar

import gymnasium as gym
import numpy as np
import pytest

from coderl_env.adapters import openrlhf, rllib, stable_baselines3, trl, verifiers, verl
from coderl_env.adapters.scoring import shared_scorer
from coderl_env.datasets import load_dataset
from coderl_env.env import ProgramEnv
from coderl_env.env.judge_lease import JudgeLease
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement
from coderl_env.wrappers import TruncateOnJudgeError

ECHO = "apps/sample/0001"
OTHER_COLUMNS = {"trainer_state": None, "environments": None, "difficulty": ["easy", "easy", "hard"]}


def test_trl(toy: Any) -> None:
    reward = trl.make_reward(**toy.settings)
    metrics: dict[str, float] = {}
    extra: dict[str, list[Any]] = {}
    rewards = reward(
        prompts=["", "", ""],
        completions=["right", "crash", "wrong"],
        completion_ids=[[1], [2], [3]],
        task_id=["toy/echo", "toy/echo", "toy/double"],
        log_metric=metrics.__setitem__,
        log_extra=extra.__setitem__,
        **OTHER_COLUMNS,
    )
    assert rewards == [1.0, None, -0.3]
    assert metrics == {"judge_errors": 1.0, "passed": 0.5}
    assert extra == {"outcome": ["passed", "", "failed_test"]}
    assert reward.__name__ == "coderl"
    assert not inspect.iscoroutinefunction(reward.__call__)


def test_trl_chats_and_other_columns(toy: Any) -> None:
    reward = trl.make_reward(task_id_column="id", reward="binary", **toy.settings)
    completions = [[{"role": "assistant", "content": "```python\nright\n```"}]]
    assert reward([[{"role": "user", "content": "?"}]], completions, id=["toy/echo"]) == [1.0]
    with pytest.raises(ValueError, match="the data set has no column 'id' with the tasks' ids; it has task_id"):
        reward([""], [""], task_id=["toy/echo"])
    with pytest.raises(ValueError, match="unknown setting of a reward 'rewards'"):
        trl.make_reward(rewards="binary")


def test_trl_where_every_completion_fails(toy: Any) -> None:
    metrics: dict[str, float] = {}
    reward = trl.make_reward(**toy.settings)
    assert reward([""], ["crash"], task_id=["toy/echo"], log_metric=metrics.__setitem__) == [None]
    assert metrics == {"judge_errors": 1.0}


def call_as_verl_does(solution: str, **reward_kwargs: Any) -> dict[str, float]:
    """Call as `NaiveRewardManager` of verl 0.9 does, which also merges in `reward_kwargs`."""
    return verl.compute_score(
        data_source="coderl",
        solution_str=solution,
        ground_truth=ECHO,
        extra_info={"num_turns": None, "rollout_reward_scores": {}},
        **reward_kwargs,
    )


def test_verl() -> None:
    solution = next(iter(shared_scorer({}).problem(ECHO).solutions))
    assert call_as_verl_does(solution) == {"score": 1, "passed": 1, "pass_fraction": 1, "judge_error": 0}
    failed = call_as_verl_does("(", reward_router_address="http://x", reward_model_tokenizer=None, reward="binary")
    assert failed == {"score": 0, "passed": 0, "pass_fraction": 0, "judge_error": 0}
    assert not inspect.iscoroutinefunction(verl.compute_score)


def break_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(self: Any, program: str, problem: Any) -> Any:
        future: Future[Judgement] = Future()
        future.set_exception(JudgeError("no worker"))
        return future

    monkeypatch.setattr(JudgeLease, "submit", failed)


def test_verl_where_the_judge_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    break_judge(monkeypatch)
    with pytest.raises(JudgeError, match="no worker"):
        call_as_verl_does("print()")
    assert call_as_verl_does("print()", on_judge_error=-1) == {
        "score": -1,
        "passed": 0,
        "pass_fraction": 0,
        "judge_error": 1,
    }
    for rule in ("ignore", True, None):
        with pytest.raises(ValueError, match="on_judge_error must be 'raise' or a number"):
            call_as_verl_does("print()", on_judge_error=rule)


def test_openrlhf(toy: Any) -> None:
    reward = openrlhf.make_reward_func(**toy.settings)
    one = reward(["Q:\nright<|im_end|></s>"], ["Q:\n"], ["toy/echo"])
    assert one == {"rewards": 1.0, "scores": 1.0, "extra_logs": {"passed": 1.0, "judge_error": 0.0}}
    assert toy.judge.asked == [("toy/echo", "right")]
    several = reward(["Q:\nright", "Q:\nwrong"], ["Q:\n", "Q:\n"], ["toy/echo", "toy/double"])
    assert several["rewards"] == [1.0, -0.3]
    assert several["scores"] == [1.0, 0.5]
    with pytest.raises(ValueError, match="a query must begin with its prompt"):
        reward(["right"], ["Q:\n"], ["toy/echo"])


def test_openrlhf_where_the_judge_fails(toy: Any) -> None:
    with pytest.raises(JudgeError, match="no worker"):
        openrlhf.make_reward_func(**toy.settings)(["crash"], [""], ["toy/echo"])
    answer = openrlhf.make_reward_func(on_judge_error=-1, **toy.settings)(["crash"], [""], ["toy/echo"])
    assert answer == {"rewards": -1.0, "scores": 0.0, "extra_logs": {"passed": 0.0, "judge_error": 1.0}}
    with pytest.raises(ValueError, match="on_judge_error must be 'raise' or a number, not 'drop'"):
        openrlhf.make_reward_func(on_judge_error="drop")


def test_openrlhf_loads_the_file_by_its_path() -> None:
    module = runpy.run_path(str(Path(openrlhf.__file__)), run_name="reward_func")
    assert module["reward_func"](["Q("], ["Q"], [ECHO])["rewards"] == -1.0


class Model:
    """Stands for a pydantic model: keeps what it is given, with the class's own defaults."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


DataT, StateT, ConfigT = TypeVar("DataT"), TypeVar("StateT"), TypeVar("ConfigT")


def stub_of_verifiers() -> ModuleType:
    """Return what the adapter uses of verifiers 0.4's `verifiers.v1`."""

    class Task(Generic[DataT, StateT, ConfigT]):
        def __init__(self, data: Any, config: Any = None) -> None:
            self.data, self.config = data, config

    class Taskset(Generic[DataT, ConfigT]):
        def __init__(self, config: Any) -> None:
            self.config = config

    def reward(function: Any) -> Any:
        function.is_reward = True
        return function

    module = ModuleType("verifiers.v1")
    module.__dict__.update(Task=Task, Taskset=Taskset, reward=reward, State=Model, TaskConfig=Model)
    module.__dict__.update(TasksetConfig=type("TasksetConfig", (Model,), {"task": None}))
    module.__dict__.update(TaskData=type("TaskData", (Model,), {}))
    return module


def test_verifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", ModuleType("verifiers"))
    monkeypatch.setitem(sys.modules, "verifiers.v1", stub_of_verifiers())
    assert verifiers.__all__ == ["CodeRLTaskset"]
    config = verifiers.CodeRLConfig(dataset="apps", count=3)
    tasks = list(verifiers.CodeRLTaskset(config).load())
    assert len(tasks) == 3
    task = tasks[0]
    assert task.data.id == task.key == next(iter(load_dataset("apps"))).id
    assert task.data.prompt.startswith("\nQUESTION:\n")
    assert json.loads(json.dumps(task.data.settings)) == task.data.settings
    assert task.coderl.is_reward
    trace = SimpleNamespace(last_reply="Here:\n```python\nprint(\n```", info={})
    assert asyncio.run(task.coderl(trace)) == -1.0
    assert trace.info == {"coderl": {"outcome": "compile_error", "pass_fraction": 0.0}}
    break_judge(monkeypatch)
    trace = SimpleNamespace(last_reply="print()", info={})
    with pytest.raises(JudgeError, match="no worker"):
        asyncio.run(task.coderl(trace))
    assert trace.info == {}
    with pytest.raises(AttributeError, match="has no attribute 'Taskset'"):
        verifiers.Taskset  # noqa: B018


def test_rllib(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: dict[str, Any] = {}
    registry = ModuleType("ray.tune.registry")
    registry.__dict__["register_env"] = registered.__setitem__
    for name in ("ray", "ray.tune"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "ray.tune.registry", registry)
    rllib.register()
    env = registered["coderl"]({"env_id": "CodeRL-Synth-v0", "max_program_tokens": 8, "difficulties": ["1"]})
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert observation["action_mask"].dtype == np.int8
    assert observation["program"].shape == (8,)
    bare = rllib.make_env({"action_mask": False, "on_judge_error": "truncate"})
    assert "action_mask" not in bare.observation_space.spaces
    assert isinstance(bare, TruncateOnJudgeError)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"env_id": "CodeRL-Synt-v0"}, "unknown environment 'CodeRL-Synt-v0'; did you mean 'CodeRL-Synth-v0'"),
        ({"action_mode": "line"}, "acts with numbers, so action_mode must be 'token', not 'line'"),
        ({"on_judge_error": "ignore"}, "unknown rule for judge errors 'ignore'"),
        ({"syntax_mask": "yes"}, "syntax_mask must be True or False, not 'yes'"),
    ],
)
def test_environments_that_cannot_be_made(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rllib.make_env(settings)
    settings = {"env_id": "CodeRL-Synth-v0", **settings}
    with pytest.raises(ValueError, match=message):
        stable_baselines3.make_env(settings.pop("env_id"), **settings)


def test_stable_baselines3_observations() -> None:
    env = stable_baselines3.make_env("CodeRL-Synth-v0", one_hot=True, max_program_tokens=8)
    observation, _ = env.reset(seed=0)
    tokenizer = env.unwrapped.tokenizer
    assert env.observation_space["program"] == gym.spaces.MultiDiscrete([len(tokenizer)] * 8)
    for token in (40, 41):
        assert observation in env.observation_space
        observation = env.step(token)[0]
    assert observation["program"].tolist() == [40, 41, *[tokenizer.pad_id] * 6]
    assert observation["program_length"] == 2
    assert np.array_equal(env.get_wrapper_attr("action_masks")(), env.unwrapped.action_masks())
    plain = stable_baselines3.make_env("CodeRL-Synth-v0")
    assert isinstance(plain.observation_space["prompt"], gym.spaces.Box)


def test_masks_of_valid_python() -> None:
    settings = {"syntax_mask": True, "max_program_tokens": 8, "on_judge_error": "truncate"}
    categories = stable_baselines3.make_env("CodeRL-Synth-v0", one_hot=True, **settings)
    masked = rllib.make_env({"env_id": "CodeRL-Synth-v0", **settings})
    tokenizer = masked.unwrapped.tokenizer
    for env in (categories, masked):
        env.reset(seed=0)
        observation = env.step(tokenizer.encode("(")[0])[0]
    masks = categories.get_wrapper_attr("action_masks")()
    assert masks.tolist() == observation["action_mask"].tolist()
    assert [masks[tokenizer.encode(text)[0]] for text in (")", "]")] == [True, False]


def test_a_failing_judge_may_truncate(toy: Any) -> None:
    base = ProgramEnv(dataset=toy.dataset, judge=toy.judge, action_mode="line", max_program_tokens=32)
    env = TruncateOnJudgeError(base)
    env.reset(options={"problem_id": "toy/echo"})
    before = env.step("crash")[0]
    after, reward, terminated, truncated, info = env.step("")
    assert (reward, terminated, truncated, info) == (0.0, False, True, {"judge_error": "no worker"})
    assert {key: array.tolist() for key, array in after.items()} == {key: a.tolist() for key, a in before.items()}
    assert not any(np.shares_memory(after[key], before[key]) for key in after)
    env.reset(options={"problem_id": "toy/echo"})
    env.step("right")
    assert env.step("")[1:4] == (1.0, True, False)


def test_no_library_is_imported() -> None:
    modules = [f"coderl_env.adapters.{name}" for name in ("openrlhf", "rllib", "stable_baselines3", "trl", "verl")]
    script = f"import sys, {', '.join(modules)}, coderl_env.adapters.verifiers; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    outside = {"torch", "transformers", "trl", "verl", "openrlhf", "ray", "verifiers", "stable_baselines3", "pydantic"}
    assert not outside & set(loaded)
