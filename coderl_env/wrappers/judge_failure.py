"""A failing judge as the end of an episode, for learners that cannot let an exception through."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from coderl_env.env.window import Observation
from coderl_env.judge import JudgeError

__all__ = ["TruncateOnJudgeError"]


class TruncateOnJudgeError(gym.Wrapper[Observation, Any, Observation, Any], RecordConstructorArgs):
    """Ends an episode whose program could not be judged as `truncated`, with `info["judge_error"]`.

    That is what the vector environment does. The reward of that step is 0 and the observation is the last one: a
    learner that knows what truncation means bootstraps from it, and no outcome is made up. It goes around `Repair`.
    """

    def __init__(self, env: gym.Env[Observation, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._last: Observation = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._last = observation
        return observation, info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play an action."""
        try:
            observation, value, terminated, truncated, info = self.env.step(action)
        except JudgeError as error:
            last = {key: array.copy() for key, array in self._last.items()}
            return last, 0.0, False, True, {"judge_error": str(error)}
        self._last = observation
        return observation, float(value), terminated, truncated, info
