"""A mask that lets only tokens through that keep the program a prefix of valid Python, so that compile errors vanish.

A token is let through if an end is known that makes a valid program of what it leads to (`coderl_env.env.completion`),
and if that end fits into what is left of the window. So there is always a way to a program that compiles, and an agent
that plays what the mask allows never gets COMPILE_ERROR, even where the window ends its program. The compiler of this
process decides; the judge runs programs with the same interpreter.

The other direction is not proven: `coderl_env.env.completion` lists what it misses, and in the last places of a window
a token may be masked that a shorter end than those known would have saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from coderl_env.env import EpisodeOverError, ProgramEnv
from coderl_env.wrappers.program_prefix import ProgramPrefix
from coderl_env.wrappers.vocabulary import read_vocabulary

__all__ = ["SyntaxMask"]


class SyntaxMask(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Narrows `action_masks()` down to tokens that keep the program a prefix of valid Python.

    `action_masks()` looks at every token. `allows(action)` looks at one, and `allowed(actions)` at some: draw from the
    policy, ask, draw again, which takes a small part of the time. `docs/wrappers.md` has figures. Where the environment
    puts a mask into `info` (`action_mask=True`), it is this one.

    An agent may still play what is masked. From a program that cannot become valid any more, everything goes.

    Args:
        env: a `ProgramEnv` with token actions, wrapped or not, and a tokenizer of bytes. `Repair` goes inside.

    Raises:
        ValueError: the actions are no tokens, or the tokenizer does not spell texts piece by piece.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        base = env.unwrapped
        if not isinstance(base, ProgramEnv):
            raise ValueError(f"SyntaxMask wraps a coderl_env environment, not {type(base).__name__}")
        self._playable = base.action_masks()
        self._vocabulary = read_vocabulary(base.tokenizer)
        self._base = base
        assert isinstance(base.observation_space, spaces.Dict)
        self._places = int(base.observation_space["program"].shape[0])  # type: ignore[index]  # a Box has one
        self._prefix: ProgramPrefix | None = None
        self._over = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._prefix, self._over = self._begin(), False
        return observation, self._with_mask(info)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Play a token, masked or not."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._over = terminated or truncated
        prefix = self._prefix
        if not self._over and prefix is not None:
            # Another attempt begins with fewer tokens.
            goes_on = len(self._base.token_ids) == len(prefix.token_ids) + 1
            self._prefix = prefix.then(int(action)) if goes_on else self._begin()
        return observation, reward, terminated, truncated, self._with_mask(info)

    def allows(self, action: int) -> bool:
        """Whether one token may be played."""
        return bool(self.allowed([action])[0])

    def allowed(self, actions: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return which of some tokens may be played. (actions,)

        Raises:
            ValueError: no episode has begun, or an action is out of range.
        """
        tokens = np.asarray(actions, dtype=np.int64)
        if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(self._playable):
            raise ValueError(f"token ids are 0 to {len(self._playable) - 1}, not {tokens.tolist()!r:.60}")
        if self._over:
            return self._playable[tokens]
        prefix = self._now()
        return np.array([self._playable[token] and prefix.allows(token) for token in tokens.tolist()], dtype=np.bool_)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return which tokens may be played; after the end, as without this wrapper. (vocabulary,)

        Raises:
            ValueError: no episode has begun.
        """
        return self._playable.copy() if self._over else self._now().mask(self._playable)

    def _now(self) -> ProgramPrefix:
        if self._prefix is None:
            raise EpisodeOverError("no episode has begun; call reset() before asking for a mask")
        return self._prefix

    def _begin(self) -> ProgramPrefix:
        base = self._base
        return ProgramPrefix(self._vocabulary, self._places, base.problem.starter_code, base.token_ids)

    def _with_mask(self, info: dict[str, Any]) -> dict[str, Any]:
        if "action_mask" not in info:
            return info
        return {**info, "action_mask": self.action_masks().astype(np.int8)}
