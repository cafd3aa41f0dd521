"""The adapter against the real Stable-Baselines3 and sb3-contrib."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv

from coderl_env.adapters.stable_baselines3 import make_env
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem


@pytest.mark.parametrize("one_hot", [False, True])
def test_its_checker_finds_no_fault(one_hot: bool) -> None:
    env = make_env("CodeRL-Synth-v0", one_hot=one_hot, max_program_tokens=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env)
    env.close()


def test_masks_are_found_through_all_wrappers() -> None:
    env = make_env("CodeRL-Synth-v0", one_hot=True, on_judge_error="truncate", attempts=2)
    env.reset(seed=0)
    assert is_masking_supported(env)
    assert np.array_equal(get_action_masks(env), env.unwrapped.action_masks())
    vector = DummyVecEnv([lambda: env])
    assert is_masking_supported(vector)
    assert get_action_masks(vector).shape == (1, len(env.unwrapped.tokenizer))
    vector.close()


@pytest.mark.timeout(900)
def test_maskable_ppo_learns_a_program(example: Callable[[str], ModuleType]) -> None:
    progress = example("sb3_maskable_ppo").train()
    assert progress.before < 0.2
    assert progress.after > 0.8
    assert progress.program == "print(input())"


class FailingJudge:
    """Never judges."""

    def judge(self, program: str, problem: Problem) -> Judgement:
        raise JudgeError("no worker")

    def close(self) -> None: ...


def test_a_failing_judge_ends_the_training_or_the_episode() -> None:
    settings: dict[str, Any] = {"max_program_tokens": 4, "judge": FailingJudge()}
    raising = PPO("MultiInputPolicy", make_env("CodeRL-Synth-v0", **settings), n_steps=32, batch_size=32, device="cpu")
    with pytest.raises(JudgeError, match="no worker"):
        raising.learn(32)
    env = make_env("CodeRL-Synth-v0", on_judge_error="truncate", **settings)
    model = MaskablePPO("MultiInputPolicy", env, n_steps=32, batch_size=32, device="cpu")
    model.learn(32)
    # Its value estimate stands for what was not judged; the learner was told of a truncation.
    assert model.num_timesteps == 32
    assert [entry["r"] for entry in model.ep_info_buffer] == [0.0] * len(model.ep_info_buffer) != []
