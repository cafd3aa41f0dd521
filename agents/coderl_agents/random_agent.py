"""The random agent: plays tokens that stand for text, all equally likely. The floor of every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coderl_env.agent import Action, Decision, Episode, Sampling, Task
from coderl_env.registry import AgentSpec
from coderl_env.tokens import Tokenizer

__all__ = ["RandomAgent", "make"]

_LINES = ("", "print(input())", "n = int(input())", "print(n)", "for i in range(3):", "    pass")


def make(spec: AgentSpec) -> RandomAgent:
    """Return the agent. It knows nothing, so a checkpoint changes nothing."""
    return RandomAgent(spec)


class RandomAgent:
    """See the module's docstring. In line and program mode it strings arbitrary lines together."""

    def __init__(self, spec: AgentSpec) -> None:
        if spec.action_mode == "token" and spec.tokenizer is None:
            raise ValueError("agent random needs the environment's tokenizer in action mode 'token'")
        self._mode = spec.action_mode
        self._tokens = np.array(sorted(_playable(spec.tokenizer))) if spec.tokenizer is not None else np.array([])
        self._seed = spec.seed
        self._rng = np.random.default_rng(spec.seed)

    def begin(self, tasks: list[Task], sampling: Sampling) -> None:
        """Seed the draws. All actions are equally likely, so greedy is one arbitrary choice, always the same."""
        self._rng = np.random.default_rng(self._seed if sampling.temperature == 0 else sampling.seed)

    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        """Return one random action per episode."""
        return [self._draw() for _ in observations]

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Learn nothing."""
        return {}

    def save(self, path: Path) -> None:
        """Make the folder; there is nothing to write."""
        Path(path).mkdir(parents=True, exist_ok=True)

    def _draw(self) -> Action:
        if self._mode == "token":
            return Decision(int(self._rng.choice(self._tokens)), -float(np.log(len(self._tokens))))
        lines = self._rng.choice(_LINES, size=1 if self._mode == "line" else 4)
        return "\n".join(lines.tolist())


def _playable(tokenizer: Tokenizer) -> set[int]:
    return set(range(len(tokenizer))) - (tokenizer.special_ids - {tokenizer.eos_id})
