"""The registered ids: Gymnasium's own checks in every mode, with the real judge."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

import coderl_env
from coderl_env.env import ACTION_MODES

IDS = sorted(coderl_env.ENVIRONMENTS)

# Prints the trajectory of a fixed choice of actions.
PLAY = """
import json, sys
import gymnasium as gym
for env_id in sys.argv[2:]:
    env = gym.make(f"coderl_env:{env_id}", action_mode=sys.argv[1])
    actions = {"token": [40, 41, 42, env.unwrapped.tokenizer.eos_id], "line": ["print(1)", ""], "program": ["print(1)"]}
    for episode in range(3):
        observation, info = env.reset(seed=5 if episode == 0 else None)
        print(json.dumps([{key: value.tolist() for key, value in observation.items()}, info]))
        for action in actions[sys.argv[1]]:
            observation, *rest = env.step(action)
            print(json.dumps([{key: value.tolist() for key, value in observation.items()}, *rest]))
    env.close()
"""


@pytest.mark.parametrize("mode", ACTION_MODES)
@pytest.mark.parametrize("env_id", IDS)
def test_gymnasium_finds_no_fault(env_id: str, mode: str) -> None:
    env = gym.make(env_id, action_mode=mode, render_mode="ansi")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_an_oracle_gets_one(env_id: str) -> None:
    env = gym.make(env_id, action_mode="program", max_program_tokens=2048)
    for seed in range(3):
        env.reset(seed=seed)
        _, reward, terminated, truncated, info = env.step(env.unwrapped.problem.solutions[0])
        assert (info["outcome"], reward) == ("passed", 1.0), info["problem_id"]
        assert (terminated, truncated) == (True, False)
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_the_specification_survives_json(env_id: str) -> None:
    settings: dict[str, Any] = {
        "action_mode": "line",
        "tests": "all",
        "max_prompt_tokens": 900,
        "max_program_tokens": 900,
        "reward": "rltf",
        "comparator": "tokens",
        "limits": {"cpu_seconds": 1.0},
    }
    env = gym.make(env_id, **settings)
    assert env.spec is not None
    again = EnvSpec.from_json(env.spec.to_json())
    assert again == env.spec
    twin = gym.make(again)
    assert twin.action_space == env.action_space
    assert twin.reset(seed=1)[1] == env.reset(seed=1)[1]


def test_the_windows_of_the_ids_are_json() -> None:
    assert json.loads(json.dumps(coderl_env.ENVIRONMENTS)) == coderl_env.ENVIRONMENTS


@pytest.mark.parametrize(
    ("mode", "ids"), [("token", IDS), ("line", ["CodeRL-Synth-v0"]), ("program", ["CodeRL-Synth-v0"])]
)
def test_the_same_seed_gives_the_same_trajectory_in_another_process(mode: str, ids: list[str]) -> None:
    first, second = (
        subprocess.run(
            [sys.executable, "-c", PLAY, mode, *ids],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    )
    assert len(first.splitlines()) >= 6 * len(ids)
    assert first == second


@pytest.mark.parametrize("mode", ACTION_MODES)
def test_a_real_problem_is_solved_by_its_stored_solution(shared_data: Path, mode: str) -> None:
    env = gym.make(
        "CodeRL-APPS-v0",
        split="train",
        data_dir=str(shared_data / "apps"),
        tokenizer=str(shared_data / "codet5_tokenizer"),
        action_mode=mode,
        max_program_tokens=1024,
    )
    env.reset(options={"problem_id": "apps/train/0000"})
    solution = env.unwrapped.problem.solutions[0]
    tokenizer = env.unwrapped.tokenizer
    actions: dict[str, list[Any]] = {
        "token": [*tokenizer.encode(solution), tokenizer.eos_id],
        "line": [*solution.splitlines(keepends=True), ""],
        "program": [solution],
    }
    total = 0.0
    for action in actions[mode]:
        _, reward, terminated, truncated, info = env.step(action)
        total += float(reward)
    assert (total, terminated, truncated, info["outcome"]) == (1.0, True, False, "passed")
    assert all(case["verdict"] == "accepted" for case in info["judgement"]["cases"])
    env.close()
