"""Several programs for one problem: after each, the example tests say what is wrong with it, as in Gehring et al. 2024.

The rules: the hidden tests decide the reward, the examples decide what the agent is told, and an attempt whose program
passes the examples is the last one, because nothing more could be said of it.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.utils import RecordConstructorArgs

from coderl_env.env import ProgramEnv
from coderl_env.env.arguments import check_choice, check_size
from coderl_env.env.window import Observation
from coderl_env.wrappers.dense_feedback import DenseFeedback
from coderl_env.wrappers.feedback import describe_examples
from coderl_env.wrappers.syntax_mask import SyntaxMask

__all__ = ["REPAIR_REWARDS", "Repair", "make_env"]

REPAIR_REWARDS = ("end", "improvement")


class Repair(gym.Wrapper[Observation, Any, Observation, Any], RecordConstructorArgs):
    """Gives the agent several attempts at each problem.

    When a program ends, it is judged on the examples of the problem's statement. If one fails, the next attempt begins:
    an empty program (or its starter code), and a prompt that holds the last program and the outcome, the first example
    that fails and the line of the error. The episode ends with the last attempt, or with one that passes the examples;
    the hidden tests run on that program alone, unless the reward asks for more. A problem without examples has one
    attempt, because nothing could be said of it without the hidden tests.

    `info` has `attempt` (1 is the first) and `attempts` (how many there can be) at reset, when another attempt begins,
    and at the end; when one begins, also `program_text` (the last program), `feedback`, and the new `prompt_text`.

    Args:
        env: a `ProgramEnv`, wrapped or not.
        attempts: programs per episode.
        reward: `end`: the reward of the last program, when it ends. `improvement`: at the end of each attempt, by how
            much its reward is better than the one before; the first counts in full, so that the sum is the same.

    Raises:
        ValueError: an argument is unusable, or the environment is no `ProgramEnv`.
    """

    def __init__(self, env: gym.Env[Observation, Any], attempts: int = 3, reward: str = "end") -> None:
        RecordConstructorArgs.__init__(self, attempts=attempts, reward=reward)
        gym.Wrapper.__init__(self, env)
        check_size("attempts", attempts)
        check_choice("reward of repair", reward, REPAIR_REWARDS)
        if not isinstance(env.unwrapped, ProgramEnv):
            raise ValueError(f"Repair wraps a coderl_env environment, not {type(env.unwrapped).__name__}")
        _check_inside(env)
        self._base = env.unwrapped
        self._most = attempts
        self._improvement = reward == "improvement"
        self._attempt = 0
        self._allowed = attempts
        self._score = 0.0
        self._feedback: str | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode with its first attempt."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._attempt = 1
        self._allowed = self._most if self._base.problem.examples else 1
        self._score, self._feedback = 0.0, None
        if not self._improvement:
            # The reward is that of the last program; of the others, only the examples are asked.
            self._base.screen_programs(self._is_not_the_last)
        return observation, {**info, **self._count()}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Play an action; where it ends a program that is not the last, the observation is that of the next attempt.

        Raises:
            JudgeError: judging failed; the episode is over, and there is no reward.
        """
        observation, value, terminated, truncated, info = self.env.step(action)
        if not terminated:
            return observation, float(value), terminated, truncated, info
        reward = float(value)
        if self._improvement:
            reward, self._score = reward - self._score, reward
            self._feedback = None if truncated else self._look_at(info["program_text"])
        elif truncated and self._feedback is not None:
            # A wrapper inside ends the episode, so that this program is the last after all.
            reward, info = self._base.judge_program()
        feedback, self._feedback = self._feedback, None
        if feedback is None or truncated:
            return observation, reward, True, truncated, {**info, **self._count()}
        self._attempt += 1
        program = info["program_text"]
        observation, info = self._base.begin_attempt(program, feedback)
        info = {**info, **self._count(), "program_text": program, "feedback": feedback}
        return observation, reward, False, False, info

    def _is_not_the_last(self, program: str) -> bool:
        self._feedback = self._look_at(program)
        return self._feedback is not None

    def _look_at(self, program: str) -> str | None:
        """Return what the examples say of a program, or None where no attempt is left, or nothing to say."""
        judgement = None if self._attempt == self._allowed else self._base.judge_examples(program)
        if judgement is None or judgement.passed:
            return None
        return describe_examples(self._base.problem, program, judgement)

    def _count(self) -> dict[str, int]:
        return {"attempt": self._attempt, "attempts": self._allowed}


def _check_inside(env: gym.Env[Any, Any]) -> None:
    """Refuse wrappers that would not notice that another attempt begins."""
    while isinstance(env, gym.Wrapper):
        if isinstance(env, (Repair, DenseFeedback, SyntaxMask)):
            raise ValueError(f"Repair cannot go around {type(env).__name__}; wrap the other way round, or only once")
        env = env.env


def make_env(*, attempts: int = 1, **settings: Any) -> gym.Env[Observation, Any]:
    """Make the environment of an id: a `ProgramEnv`, in a `Repair` where there is more than one attempt.

    Args:
        attempts: programs per episode.
        settings: the other arguments of `ProgramEnv`; Gymnasium hands all of them over by keyword.

    Raises:
        ValueError: an argument is unknown or unusable.
    """
    check_size("attempts", attempts)
    env = ProgramEnv(**settings)
    return env if attempts == 1 else Repair(env, attempts)


# Where Gymnasium looks up what `render_mode` may be before it makes an environment.
make_env.__dict__["metadata"] = ProgramEnv.metadata
