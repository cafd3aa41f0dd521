"""The mask as a part of the observation."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import TimeLimit

from coderl_env.env import ProgramEnv
from coderl_env.wrappers import ActionMaskObservation


def test_the_mask_is_in_every_observation(make_env: Callable[..., ProgramEnv]) -> None:
    env = ActionMaskObservation(TimeLimit(make_env(action_mode="token"), 100))
    assert set(env.observation_space) == {"prompt", "prompt_length", "program", "program_length", "action_mask"}
    observation, _ = env.reset(seed=0)
    for action in (5, 6):
        assert observation in env.observation_space
        assert np.array_equal(observation["action_mask"], env.unwrapped.action_masks())
        assert observation["action_mask"].sum() < len(env.unwrapped.tokenizer)
        observation = env.step(action)[0]


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_gymnasium_finds_no_fault() -> None:
    env = gym.make("CodeRL-Synth-v0")
    check_env(ActionMaskObservation(env.unwrapped), skip_render_check=True)
    env.close()


def test_text_has_no_mask(make_env: Callable[..., ProgramEnv]) -> None:
    with pytest.raises(ValueError, match="this environment has Dict and Text; make it with action_mode='token'"):
        ActionMaskObservation(make_env())
