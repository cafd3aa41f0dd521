"""Rewards per token; above all that shaping by a potential changes no optimal policy, by trying every program."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase
from coderl_env.wrappers import DenseFeedback, Repair

Scores = Callable[[dict[str, np.ndarray]], np.ndarray]
PAD, END, A, B = range(4)
WINDOW = 3


class Letters:
    """A tokenizer of two letters."""

    name, eos_id, pad_id = "letters", END, PAD
    special_ids = frozenset({PAD, END})

    def __len__(self) -> int:
        return 4

    def encode(self, text: str) -> list[int]:
        return [B if letter == "b" else A for letter in text]

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join("  ab"[token] for token in token_ids if token not in self.special_ids)


class Table:
    """Judges the programs over two letters by a table."""

    outcomes: ClassVar = {
        "": Outcome.COMPILE_ERROR,
        "a": Outcome.FAILED_TEST,
        "ab": Outcome.PASSED,
        "bb": Outcome.FAILED_TEST,
    }

    def judge(self, program: str, problem: Problem) -> Judgement:
        outcome = self.outcomes.get(program, Outcome.RUNTIME_ERROR)
        return Judgement(outcome, (CaseResult(Verdict.EXCEPTION),), "none", "lines", "test")

    def close(self) -> None: ...


def make_letters() -> ProgramEnv:
    problem = Problem("p", "", (StdioCase("", ""),), examples=(StdioCase("", ""),))
    return ProgramEnv(
        dataset=ProblemSet("toy", "all", (problem,)),
        tokenizer=Letters(),
        judge=Table(),
        max_prompt_tokens=60,
        max_program_tokens=WINDOW,
    )


def arbitrary(seed: int) -> Scores:
    """A scorer that says something different, and large, of every program."""

    def scores(observation: dict[str, np.ndarray]) -> np.ndarray:
        tokens = observation["program"][: observation["program_length"][0]].tolist()
        return np.array(
            [np.random.default_rng([seed, *tokens[: place + 1]]).normal(0, 5) for place in range(len(tokens))]
        )

    return scores


def potential(scorer: Scores, tokens: Sequence[int]) -> float:
    observation = {"program": np.array(tokens), "program_length": np.array([len(tokens)])}
    return float(scorer(observation)[-1]) if tokens else 0.0


def rewards_of(env: Any, tokens: Sequence[int]) -> list[float] | None:
    """Return the rewards of a sequence of actions, or None where it is no whole episode."""
    env.reset()
    rewards = []
    for number, token in enumerate(tokens, 1):
        _, reward, terminated, _, _ = env.step(token)
        rewards.append(reward)
        if terminated:
            return rewards if number == len(tokens) else None
    return None


def all_episodes(env: Any) -> dict[tuple[int, ...], list[float]]:
    """Return the rewards of every episode there is, by its actions."""
    found = {}
    for length in range(1, WINDOW + 1):
        for tokens in itertools.product(range(4), repeat=length):
            rewards = rewards_of(env, tokens)
            if rewards is not None:
                found[tokens] = rewards
    return found


def action_values(
    episodes: dict[tuple[int, ...], list[float]], gamma: float
) -> dict[tuple[int, ...], dict[int, float]]:
    """Return the value of every action in every state (the tokens so far) when play is optimal afterwards."""

    def value(state: tuple[int, ...]) -> float:
        return 0.0 if state in episodes else max(values(state).values())

    def values(state: tuple[int, ...]) -> dict[int, float]:
        found = {}
        for action in range(4):
            after = (*state, action)
            rewards = next(rewards for tokens, rewards in episodes.items() if tokens[: len(after)] == after)
            found[action] = rewards[len(state)] + gamma * value(after)
        table[state] = found
        return found

    table: dict[tuple[int, ...], dict[int, float]] = {}
    value(())
    return table


def optimal(values: dict[int, float]) -> set[int]:
    return {action for action, value in values.items() if value > max(values.values()) - 1e-9}


def test_every_episode_is_tried() -> None:
    # Three tokens go on, the end token ends: 1 + 3 + 9 short programs, and 9 x 3 that fill the window with their last.
    assert len(all_episodes(make_letters())) == 1 + 3 + 9 + 27


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_a_potential_changes_no_optimal_action(seed: int, gamma: float) -> None:
    """Ng et al. 1999, theorem 1 and corollary 2: the same optimal actions, and values less by phi, in every state."""
    scorer = arbitrary(seed)
    plain = action_values(all_episodes(make_letters()), gamma)
    shaped_env = DenseFeedback(make_letters(), scorer, mode="potential", gamma=gamma, scale=0.7)
    shaped = action_values(all_episodes(shaped_env), gamma)
    assert len(plain) == len(shaped) == 1 + 3 + 9
    for state, values in plain.items():
        assert optimal(shaped[state]) == optimal(values)
        phi = 0.7 * potential(scorer, state)
        assert shaped[state] == pytest.approx({action: value - phi for action, value in values.items()})


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_a_potential_changes_every_return_alike(gamma: float) -> None:
    plain = all_episodes(make_letters())
    shaped = all_episodes(DenseFeedback(make_letters(), arbitrary(9), gamma=gamma))
    for tokens, rewards in plain.items():
        returns = [sum(gamma**n * reward for n, reward in enumerate(found)) for found in (rewards, shaped[tokens])]
        assert returns[0] == pytest.approx(returns[1])  # phi of the empty program is 0
    assert any(rewards != pytest.approx(shaped[tokens]) for tokens, rewards in plain.items())


def test_a_bonus_does_change_them() -> None:
    plain = action_values(all_episodes(make_letters()), 1.0)
    changed = action_values(all_episodes(DenseFeedback(make_letters(), arbitrary(0), mode="bonus")), 1.0)
    assert any(optimal(changed[state]) != optimal(values) for state, values in plain.items())


def test_a_bonus_is_the_score_of_each_new_token() -> None:
    scorer = arbitrary(3)
    env = DenseFeedback(make_letters(), scorer, mode="bonus", scale=2)
    rewards = rewards_of(env, [A, B, END])
    assert rewards == pytest.approx([2 * potential(scorer, [A]), 2 * potential(scorer, [A, B]), 1.0])


def test_weights_come_with_the_reward() -> None:
    scorer = arbitrary(4)
    env = DenseFeedback(make_letters(), scorer, mode="weights")
    assert rewards_of(env, [A, B, END]) == [0, 0, 1]
    assert rewards_of(env, [B, END]) == [0, -0.6]
    env.reset()
    env.step(B)
    info = env.step(END)[4]
    scores = scorer({"program": np.array([B]), "program_length": np.array([1])})
    assert info["token_scores"] == pytest.approx(scores)
    assert info["token_rewards"] == pytest.approx(-0.6 * scores)


def counting(observation: dict[str, np.ndarray]) -> np.ndarray:
    return np.arange(1.0, 1.0 + observation["program_length"][0])


def test_the_starter_code_has_no_feedback(make_env: Callable[..., ProgramEnv]) -> None:
    env = DenseFeedback(make_env(action_mode="token"), counting, mode="weights")
    observation, _ = env.reset(options={"problem_id": "toy/double"})
    start = observation["program_length"][0]
    assert start > 0
    tokens = env.unwrapped.tokenizer.encode("return 'right'")
    for token in [*tokens, env.unwrapped.tokenizer.eos_id]:
        _, _, terminated, _, info = env.step(token)
    assert terminated
    assert info["token_rewards"].tolist() == [start + 1.0 + n for n in range(len(tokens))]


@pytest.mark.parametrize("mode", ["bonus", "potential"])
def test_a_line_may_add_many_tokens(make_env: Callable[..., ProgramEnv], mode: str) -> None:
    env = DenseFeedback(make_env(action_mode="line"), counting, mode=mode)
    env.reset(options={"problem_id": "toy/echo"})
    observation, reward, _, _, _ = env.step("right = 1")
    length = float(observation["program_length"][0])
    assert length > 1
    assert reward == (sum(range(1, int(length) + 1)) if mode == "bonus" else length)
    assert env.step("")[1] == (1 if mode == "bonus" else 1 - length)


def test_around_several_attempts() -> None:
    env = DenseFeedback(Repair(make_letters(), attempts=2), counting)
    env.reset()
    assert [env.step(token)[1] for token in (A, A, END)] == [1, 1, -2]  # the second attempt begins empty
    assert [env.step(token)[1] for token in (A, B, END)] == [1, 1, -1]
    bonus = DenseFeedback(Repair(make_letters(), attempts=2), counting, mode="bonus")
    bonus.reset()
    assert [bonus.step(token)[1] for token in (A, A, END, A, B, END)] == [1, 2, 0, 1, 2, 1]


def test_unusable_settings_and_scorers() -> None:
    with pytest.raises(ValueError, match="unknown mode of dense feedback 'weight'; did you mean 'weights'"):
        DenseFeedback(make_letters(), counting, mode="weight")
    with pytest.raises(ValueError, match=r"gamma must be 0 to 1, not 1\.5"):
        DenseFeedback(make_letters(), counting, gamma=1.5)
    with pytest.raises(ValueError, match="scale must be a finite number, not nan"):
        DenseFeedback(make_letters(), counting, scale=float("nan"))
    for scores in (np.zeros(2), np.array([np.nan]), np.zeros((1, 1))):
        env = DenseFeedback(make_letters(), lambda observation, scores=scores: scores, mode="bonus")
        env.reset()
        with pytest.raises(ValueError, match="a scorer returns 1 finite numbers for 1 tokens"):
            env.step(A)
