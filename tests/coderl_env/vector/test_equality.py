"""A vector's trajectories are those of single environments under Gymnasium's own SyncVectorEnv."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

import coderl_env
from coderl_env.env import ACTION_MODES, ProgramEnv
from coderl_env.vector import ProgramVectorEnv

MakeEnv = Callable[..., ProgramEnv]
MakeVector = Callable[..., ProgramVectorEnv]
AUTORESET_MODES = [mode.value for mode in AutoresetMode]
ENVS = 5
TEXTS = ["", "print(input())", "\n", "return 2 * n", "x = 'y' * 12345678901234567890  # more than the window holds"]


def make_pair(
    make_env: MakeEnv, make_vector: MakeVector, autoreset: str, limit: int | None, **settings: Any
) -> tuple[SyncVectorEnv, ProgramVectorEnv]:
    def make_single() -> gym.Env[Any, Any]:
        env = make_env(**settings)
        return env if limit is None else TimeLimit(env, limit)

    singles = SyncVectorEnv([make_single] * ENVS, autoreset_mode=AutoresetMode(autoreset))
    return singles, make_vector(ENVS, autoreset_mode=autoreset, max_episode_steps=limit, **settings)


def draw_actions(rng: np.random.Generator, env: ProgramVectorEnv, end_probability: float) -> Any:
    if isinstance(env.single_action_space, gym.spaces.Text):
        return tuple(TEXTS[number] for number in rng.integers(len(TEXTS), size=ENVS))
    tokens = rng.integers(len(env.tokenizer), size=ENVS)
    return np.where(rng.random(ENVS) < end_probability, env.tokenizer.eos_id, tokens)


def assert_equal_trajectories(
    singles: SyncVectorEnv, vector: ProgramVectorEnv, steps: int, end_probability: float
) -> int:
    """Play the same in both; return how many episodes ended."""
    rng = np.random.default_rng(0)
    assert data_equivalence(vector.reset(seed=11), singles.reset(seed=11), exact=True)
    ended = 0
    for number in range(steps):
        actions = draw_actions(rng, vector, end_probability)
        ours, theirs = vector.step(actions), singles.step(actions)
        assert data_equivalence(ours, theirs, exact=True), f"step {number}"
        assert ours[0] in vector.observation_space
        done = ours[2] | ours[3]
        ended += int(done.sum())
        if vector.autoreset_mode is AutoresetMode.DISABLED and done.any():
            # Now and then, one that has not ended is reset too, with a problem of its own.
            done[number % ENVS] |= number % 3 == 0
            options = {"reset_mask": done, **({"problem_id": "toy/echo"} if number % 2 else {})}
            ours = vector.reset(seed=number, options=options)
            assert "reset_mask" in options
            assert data_equivalence(ours, singles.reset(seed=number, options=options), exact=True)
    assert data_equivalence(vector.reset(), singles.reset(), exact=True)
    return ended


@pytest.mark.parametrize("limit", [None, 4])
@pytest.mark.parametrize("mode", ACTION_MODES)
@pytest.mark.parametrize("autoreset", AUTORESET_MODES)
def test_every_mode_equals_single_environments(
    make_env: MakeEnv, make_vector: MakeVector, autoreset: str, mode: str, limit: int | None
) -> None:
    pair = make_pair(make_env, make_vector, autoreset, limit, action_mode=mode, max_program_tokens=14)
    assert assert_equal_trajectories(*pair, steps=60, end_probability=0.1) > 40


@pytest.mark.parametrize("autoreset", AUTORESET_MODES)
def test_masks_on_request_equal_those_of_single_environments(
    make_env: MakeEnv, make_vector: MakeVector, autoreset: str
) -> None:
    pair = make_pair(make_env, make_vector, autoreset, 6, action_mask=True, max_program_tokens=14)
    assert assert_equal_trajectories(*pair, steps=30, end_probability=0.1) > 10
    assert (pair[1].action_masks() == np.stack(pair[0].call("action_masks"))).all()


@pytest.mark.parametrize("autoreset", AUTORESET_MODES)
@pytest.mark.parametrize(("limit", "end_probability"), [(None, 0.0), (20, 0.0), (20, 0.02)])
def test_long_quiet_episodes_equal_too(
    make_env: MakeEnv, make_vector: MakeVector, autoreset: str, limit: int | None, end_probability: float
) -> None:
    pair = make_pair(make_env, make_vector, autoreset, limit)
    assert assert_equal_trajectories(*pair, steps=100, end_probability=end_probability) >= 3 * ENVS


@pytest.mark.parametrize("env_id", sorted(coderl_env.ENVIRONMENTS))
@pytest.mark.parametrize("mode", ACTION_MODES)
def test_every_id_equals_single_environments(lookup_judge: Any, env_id: str, mode: str) -> None:
    settings = {"action_mode": mode, "judge": lookup_judge}
    vector = gym.make_vec(env_id, num_envs=2, **settings)
    singles = gym.make_vec(env_id, num_envs=2, vectorization_mode="sync", **settings)
    assert data_equivalence(vector.reset(seed=4), singles.reset(seed=4), exact=True)
    end = vector.unwrapped.tokenizer.eos_id
    played = {"token": [[40, 41], [end, 42], [43, end]], "line": [["x", ""], ["", "y"]], "program": [["x", "y"]] * 2}
    for actions in played[mode]:
        actions = np.array(actions) if mode == "token" else tuple(actions)
        assert data_equivalence(vector.step(actions), singles.step(actions), exact=True)
    vector.close()
    singles.close()


@pytest.mark.parametrize("autoreset", AUTORESET_MODES)
def test_the_real_judge_gives_the_same_in_both(autoreset: str) -> None:
    settings = {"action_mode": "program", "max_program_tokens": 2048, "reward": "rltf"}
    vector = gym.make_vec("coderl_env:CodeRL-APPS-v0", num_envs=4, autoreset_mode=autoreset, **settings)
    singles = gym.make_vec(
        "coderl_env:CodeRL-APPS-v0",
        num_envs=4,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": autoreset},
        **settings,
    )
    assert data_equivalence(vector.reset(seed=2), singles.reset(seed=2), exact=True)
    for number in range(2):
        right = [problem.solutions[0] for problem in vector.problems]
        actions = (right[0], "print(input())\n", "1 +", right[3])
        ours = vector.step(actions)
        assert data_equivalence(ours, singles.step(actions), exact=True)
        if autoreset != "NextStep" or number % 2 == 0:
            assert ours[1][[0, 3]].tolist() == [1.0, 1.0]
            assert ours[1][2] == -1.0
        if autoreset == "Disabled":
            everyone = np.ones(4, dtype=np.bool_)
            for env in (vector, singles):
                env.reset(seed=number, options={"reset_mask": everyone})
    vector.close()
    singles.close()
