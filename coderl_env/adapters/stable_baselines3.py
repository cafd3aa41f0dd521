"""Stable-Baselines3 and sb3-contrib (2.9): environments for PPO and MaskablePPO.

    env = make_env("CodeRL-Synth-v0", one_hot=True)
    MaskablePPO("MultiInputPolicy", env).learn(100_000)

The environments are what SB3 asks for as they are: a flat Dict of boxes, Discrete actions, and `action_masks()`, which
MaskablePPO finds through any wrappers. Two things are left to this module:

- SB3's extractors read a box of token ids as magnitudes. `one_hot=True` makes the program's window a MultiDiscrete
  space, which SB3 turns into one-hot vectors; that suits small vocabularies and one problem, because the prompt is left
  out. For others, keep the boxes and give the policy an extractor of features that embeds the ids.
- Where the judge fails, `on_judge_error="raise"`, the default, lets the `JudgeError` end the training; `"truncate"`
  ends that episode as truncated, with `info["judge_error"]`, and SB3 bootstraps from its value estimate.

Not imported here: stable_baselines3, sb3_contrib.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from coderl_env.adapters.making import make_token_env

__all__ = ["ProgramAsCategories", "make_env"]


def make_env(
    env_id: str,
    *,
    one_hot: bool = False,
    syntax_mask: bool = False,
    on_judge_error: str = "raise",
    **settings: Any,
) -> gym.Env[Any, Any]:
    """Make an environment for Stable-Baselines3.

    Args:
        env_id: an id such as `CodeRL-Synth-v0`.
        one_hot: show the program alone, as categories.
        syntax_mask: let MaskablePPO's masks allow only what can become valid Python; `docs/wrappers.md` has the cost.
        on_judge_error: `raise` or `truncate`; see the module's docstring.
        settings: the environment's arguments.

    Raises:
        ValueError: an unknown id or setting, or actions that are no tokens.
    """
    env = make_token_env(env_id, settings, on_judge_error, syntax_mask=syntax_mask)
    return ProgramAsCategories(env) if one_hot else env


class ProgramAsCategories(
    gym.ObservationWrapper[dict[str, NDArray[np.int64]], Any, dict[str, NDArray[np.int32]]], RecordConstructorArgs
):
    """Shows the program's window alone, as categories (MultiDiscrete), and how much of it is taken."""

    def __init__(self, env: gym.Env[dict[str, NDArray[np.int32]], Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        assert isinstance(env.observation_space, spaces.Dict)
        program, length = env.observation_space["program"], env.observation_space["program_length"]
        assert isinstance(program, spaces.Box)
        assert isinstance(length, spaces.Box)
        sizes = np.full(program.shape, int(program.high.max()) + 1)
        window = int(length.high.max())
        self.observation_space = spaces.Dict(
            {"program": spaces.MultiDiscrete(sizes), "program_length": spaces.Discrete(window + 1)}
        )

    def observation(self, observation: dict[str, NDArray[np.int32]]) -> dict[str, Any]:
        """Return the program as categories."""
        program = observation["program"].astype(np.int64)
        return {"program": program, "program_length": np.int64(observation["program_length"][0])}
