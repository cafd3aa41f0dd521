"""Rewards: pure functions from a judgement to a float, chosen by name."""

from __future__ import annotations

from collections.abc import Callable

from coderl_env.naming import unknown_name
from coderl_env.outcome import Judgement, Outcome

__all__ = ["REWARDS", "Reward", "binary", "coderl", "needs_all_tests", "pass_fraction", "resolve_reward", "rltf"]

Reward = Callable[[Judgement], float]

_CODERL_RETURNS = {
    Outcome.COMPILE_ERROR: -1.0,
    Outcome.RUNTIME_ERROR: -0.6,
    Outcome.FAILED_TEST: -0.3,
    Outcome.PASSED: 1.0,
}


def coderl(judgement: Judgement) -> float:
    """Return CodeRL's return of the outcome: -1, -0.6, -0.3 or +1 (Le et al. 2022, equations 4-7)."""
    return _CODERL_RETURNS[judgement.outcome]


def binary(judgement: Judgement) -> float:
    """Return 1 for a program that passed every test, otherwise 0."""
    return float(judgement.outcome is Outcome.PASSED)


def pass_fraction(judgement: Judgement) -> float:
    """Return the share of tests accepted, 0 to 1."""
    return judgement.pass_fraction


def rltf(judgement: Judgement) -> float:
    """Return RLTF's adaptive return: `-0.3 + 1.3 * pass_fraction` where a test failed (Liu et al. 2023, section 3.3).

    Compile and runtime errors keep CodeRL's values.
    """
    if judgement.outcome is Outcome.FAILED_TEST:
        return -0.3 + 1.3 * judgement.pass_fraction
    return _CODERL_RETURNS[judgement.outcome]


REWARDS: dict[str, Reward] = {"coderl": coderl, "binary": binary, "pass_fraction": pass_fraction, "rltf": rltf}
_NEED_ALL_TESTS = frozenset({pass_fraction, rltf})


def resolve_reward(reward: str | Reward) -> Reward:
    """Return the reward function that `reward` names, or `reward` itself if it is a function.

    Raises:
        ValueError: no reward has that name.
    """
    if callable(reward):
        return reward
    if not isinstance(reward, str) or reward not in REWARDS:
        raise ValueError(unknown_name("reward", reward, REWARDS))
    return REWARDS[reward]


def needs_all_tests(reward: Reward) -> bool:
    """Whether `reward` reads the pass fraction, so that judging must not stop at the first failure."""
    return reward in _NEED_ALL_TESTS
