"""The action mask as a part of the observation, as RLlib's and PettingZoo's examples expect it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

__all__ = ["ActionMaskObservation"]


class ActionMaskObservation(gym.ObservationWrapper[dict[str, Any], Any, dict[str, Any]], RecordConstructorArgs):
    """Adds `action_mask` to a `Dict` observation: an int8 array, 1 for each action that may be played.

    Args:
        env: an environment with a method `action_masks()`, somewhere below other wrappers, and a `Dict` observation.

    Raises:
        ValueError: the environment has neither.
    """

    def __init__(self, env: gym.Env[dict[str, Any], Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        if not isinstance(env.observation_space, spaces.Dict) or not isinstance(env.action_space, spaces.Discrete):
            raise ValueError(
                "the mask goes into a Dict observation, one number per Discrete action; this environment has "
                f"{type(env.observation_space).__name__} and {type(env.action_space).__name__}; "
                "make it with action_mode='token'"
            )
        self._masks = env.get_wrapper_attr("action_masks")
        mask = spaces.Box(0, 1, (int(env.action_space.n),), np.int8)
        self.observation_space = spaces.Dict({**env.observation_space.spaces, "action_mask": mask})

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """Return the observation with the mask."""
        return {**observation, "action_mask": self._masks().astype(np.int8)}
