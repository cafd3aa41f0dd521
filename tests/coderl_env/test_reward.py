"""The rewards, value by value, against the papers."""

from __future__ import annotations

import pytest

from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.reward import REWARDS, needs_all_tests, resolve_reward


def judgement(outcome: Outcome, accepted: int, tests: int = 4) -> Judgement:
    other = {Outcome.FAILED_TEST: Verdict.WRONG_ANSWER, Outcome.RUNTIME_ERROR: Verdict.EXCEPTION}
    rest = other.get(outcome, Verdict.NOT_RUN)
    verdicts = [Verdict.ACCEPTED] * accepted + [rest] * (tests - accepted)
    return Judgement(outcome, tuple(map(CaseResult, verdicts)), "none", "lines", "test")


COMPILE = judgement(Outcome.COMPILE_ERROR, 0)
RUNTIME = judgement(Outcome.RUNTIME_ERROR, 1)
FAILED = judgement(Outcome.FAILED_TEST, 2)
PASSED = judgement(Outcome.PASSED, 4)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("coderl", [-1.0, -0.6, -0.3, 1.0]),
        ("binary", [0.0, 0.0, 0.0, 1.0]),
        ("pass_fraction", [0.0, 0.25, 0.5, 1.0]),
        ("rltf", [-1.0, -0.6, -0.3 + 1.3 * 0.5, 1.0]),
    ],
)
def test_values(name: str, values: list[float]) -> None:
    reward = resolve_reward(name)
    assert [reward(each) for each in (COMPILE, RUNTIME, FAILED, PASSED)] == pytest.approx(values)


def test_every_name_is_tested() -> None:
    assert set(REWARDS) == {"coderl", "binary", "pass_fraction", "rltf"}


def test_rewards_that_read_the_pass_fraction_say_so() -> None:
    assert {name for name, reward in REWARDS.items() if needs_all_tests(reward)} == {"pass_fraction", "rltf"}


def test_a_function_is_its_own_reward() -> None:
    assert resolve_reward(len) is len


@pytest.mark.parametrize("reward", ["codrl", None, 3, ["coderl"]])
def test_unknown_rewards(reward: object) -> None:
    with pytest.raises(ValueError, match=r"unknown reward .* Valid are binary, coderl, pass_fraction, rltf"):
        resolve_reward(reward)  # type: ignore[arg-type]
