"""Rewards per token, from anything that can score a program so far, such as CodeRL's critic.

Not here: the critic itself (`coderl_agents.codet5`), and what an agent does with the scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from coderl_env.env.arguments import check_choice
from coderl_env.env.window import Observation

__all__ = ["FEEDBACK_MODES", "DenseFeedback", "Scorer"]

FEEDBACK_MODES = ("weights", "bonus", "potential")

Scorer = Callable[[Observation], "NDArray[np.floating[Any]]"]
"""Scores an observation: one finite number per token of the program so far, (program_length,)."""


class DenseFeedback(gym.Wrapper[Observation, Any, Observation, Any], RecordConstructorArgs):
    r"""Gives feedback per token, from a scorer.

    | `mode` | rewards of the steps | optimal policy |
    |---|---|---|
    | `weights` | as they are; at the end `info["token_rewards"]` = score x reward of the episode, one per token | |
    | `bonus` | each step gains scale x the scores of the tokens it adds | changes in general |
    | `potential` | each step gains scale x (gamma phi(s') - phi(s)) | stays |

    `weights` is CodeRL's: the critic's probability of the true outcome weighs each token's return (Le et al. 2022,
    equation 10); the return is known only at the end, so that is where they come. `potential` is potential-based reward
    shaping (Ng, Harada, Russell 1999): phi(s) is the score of the newest token, 0 for an empty program and after the
    end. An episode's discounted return then changes by -scale phi(s0), whatever is played, so that no policy gains on
    another. It needs the `gamma` that the learner discounts with, and a scorer that depends on the observation alone.

    At the end of every program `info` has `token_scores`, one per token behind the starter code, in every mode; the end
    token is no part of the program and has none. `weights` scores a program once, the others score every step. Together
    with several attempts, this wrapper goes around `Repair`; the scores are then those of the last program.

    Args:
        env: an environment whose observations have `program` and `program_length`.
        scorer: see `Scorer`.
        mode: see the table.
        gamma: the learner's discount, 0 to 1; for `potential` only.
        scale: factor of all scores.

    Raises:
        ValueError: an argument is unusable.
    """

    def __init__(
        self,
        env: gym.Env[Observation, Any],
        scorer: Scorer,
        mode: str = "potential",
        gamma: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        RecordConstructorArgs.__init__(self, scorer=scorer, mode=mode, gamma=gamma, scale=scale)
        gym.Wrapper.__init__(self, env)
        check_choice("mode of dense feedback", mode, FEEDBACK_MODES)
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma must be 0 to 1, not {gamma!r}")
        if not math.isfinite(scale):
            raise ValueError(f"scale must be a finite number, not {scale!r}")
        self._scorer = scorer
        self._mode = mode
        self._gamma = gamma
        self._scale = scale
        self._start = 0  # tokens of the starter code
        self._length = 0  # tokens of the program at the last observation
        self._phi = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._start = self._length = _length(observation)
        self._phi = self._newest(observation) if self._mode == "potential" else 0.0
        return observation, info

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play an action.

        Raises:
            ValueError: the scorer did not return one finite number per token.
        """
        observation, value, terminated, truncated, info = self.env.step(action)
        reward = float(value)
        if self._mode != "weights":
            reward += self._scale * self._gain(observation, ended=terminated)
        if terminated or truncated:
            scores = self._scale * self._scores(observation)[self._start :]
            info = {**info, "token_scores": scores}
            if self._mode == "weights":
                info["token_rewards"] = scores * reward
        return observation, reward, terminated, truncated, info

    def _gain(self, observation: Observation, *, ended: bool) -> float:
        if self._mode == "bonus":
            # Nothing is new after the end token, nor where another attempt has begun.
            earlier_length, self._length = self._length, _length(observation)
            return float(self._scores(observation)[earlier_length:].sum())
        earlier, self._phi = self._phi, 0.0 if ended else self._newest(observation)
        return self._gamma * self._phi - earlier

    def _newest(self, observation: Observation) -> float:
        """Return the score of the newest token, or 0 where there is none."""
        scores = self._scores(observation)
        return float(scores[-1]) if len(scores) else 0.0

    def _scores(self, observation: Observation) -> NDArray[np.float64]:
        length = _length(observation)
        scores = np.asarray(self._scorer(observation), dtype=np.float64)
        if scores.shape != (length,) or not np.isfinite(scores).all():
            raise ValueError(f"a scorer returns {length} finite numbers for {length} tokens, not {scores!r:.80}")
        return scores


def _length(observation: Observation) -> int:
    return int(observation["program_length"][0])
