"""Several attempts at a problem: what ends them, what they are told, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import TimeLimit

import coderl_env
from coderl_env.env import ACTION_MODES, ProgramEnv
from coderl_env.judge import JudgeError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import AssertCase, Problem
from coderl_env.prompt import build_repair_prompt, encode_repair_prompt
from coderl_env.tokens import load_tokenizer
from coderl_env.wrappers import DenseFeedback, Repair
from coderl_env.wrappers.feedback import describe_examples

MakeEnv = Callable[..., ProgramEnv]
ECHO = {"problem_id": "toy/echo"}


def play(env: gym.Env[Any, Any], programs: list[str]) -> list[tuple[float, bool, dict[str, Any]]]:
    """Play programs until the episode ends; all of them must be asked for."""
    steps = []
    for number, program in enumerate(programs, 1):
        _, reward, terminated, truncated, info = env.step(program)
        assert not truncated
        assert terminated == (number == len(programs))
        steps.append((reward, terminated, info))
    return steps


def shown_prompt(env: ProgramEnv, observation: dict[str, np.ndarray]) -> str:
    return env.tokenizer.decode(observation["prompt"][: observation["prompt_length"][0]].tolist())


def test_the_episode_goes_on_until_the_attempts_are_used_up(make_env: MakeEnv) -> None:
    env = Repair(make_env(), attempts=3)
    _, info = env.reset(options=ECHO)
    assert (info["attempt"], info["attempts"]) == (1, 3)
    steps = play(env, ["broken", "raise", "wrong"])
    assert [reward for reward, _, _ in steps] == [0, 0, -0.3]
    assert [info["attempt"] for _, _, info in steps] == [2, 3, 3]
    assert steps[-1][2]["outcome"] == "failed_test"
    assert steps[-1][2]["program_text"] == "wrong"


def test_a_program_that_passes_the_examples_is_the_last(make_env: MakeEnv) -> None:
    env = Repair(make_env(), attempts=3)
    env.reset(options=ECHO)
    assert [reward for reward, _, _ in play(env, ["wrong", "right"])] == [0, 1]
    env.reset(options=ECHO)
    assert [reward for reward, _, _ in play(env, ["cheat"])] == [-0.3]


def test_nothing_is_judged_that_is_not_needed(make_env: MakeEnv, keyword_judge: Any) -> None:
    """The examples decide whether another attempt follows, and the hidden tests what the last is worth."""
    env = Repair(make_env(), attempts=2)
    env.reset(options=ECHO)
    play(env, ["wrong", "raise"])
    assert keyword_judge.asked == [("wrong", False), ("raise", True)]
    keyword_judge.asked.clear()
    env.reset(options=ECHO)
    play(env, ["right"])
    assert keyword_judge.asked == [("right", False), ("right", True)]
    keyword_judge.asked.clear()
    env = Repair(make_env(), attempts=2, reward="improvement")
    env.reset(options=ECHO)
    play(env, ["wrong", "raise"])
    assert keyword_judge.asked == [("wrong", True), ("wrong", False), ("raise", True)]


def test_the_environment_inside_is_as_it_was(make_env: MakeEnv) -> None:
    inside = make_env()
    Repair(inside, attempts=3).reset(options=ECHO)
    inside.reset(options=ECHO)
    _, reward, terminated, _, info = inside.step("wrong")
    assert (reward, terminated, info["outcome"]) == (-0.3, True, "failed_test")


def test_the_improvements_add_up_to_the_reward_at_the_end(make_env: MakeEnv) -> None:
    programs = ["broken", "wrong", "raise", "right"]
    at_end, shaped = (Repair(make_env(), attempts=4, reward=kind) for kind in ("end", "improvement"))
    for env in (at_end, shaped):
        env.reset(options=ECHO)
    rewards = [reward for reward, _, _ in play(shaped, programs)]
    assert rewards == pytest.approx([-1, 0.7, -0.3, 1.6])
    assert sum(rewards) == pytest.approx(sum(reward for reward, _, _ in play(at_end, programs)))
    shaped.reset(options=ECHO)
    assert play(shaped, ["right"])[0][0] == 1


def test_the_next_attempt_reads_the_last_and_what_came_of_it(make_env: MakeEnv) -> None:
    env = Repair(make_env(), attempts=2)
    _, info = env.reset(options=ECHO)
    before = info["prompt_text"]
    observation, _, _, _, info = env.step("raise\n")
    assert info["feedback"].splitlines() == [
        "It passes 0 of 2 examples and fails example 1.",
        "Input: 23",
        "Expected: 23",
        "It raises KeyError: 'x'",
        "Line 1: raise",
    ]
    ending = "\nUse Standard Input format\nANSWER:\n"
    assert before.endswith(ending)
    expected = f"{before.removesuffix(ending)}\nPROGRAM:\nraise\nRESULT:\n{info['feedback']}{ending}"
    assert info["prompt_text"] == shown_prompt(env.unwrapped, observation) == expected
    assert env.unwrapped.task.prompt == expected
    assert observation["program_length"].tolist() == [0]


def test_no_hidden_test_is_told(make_env: MakeEnv) -> None:
    for reward in ("end", "improvement"):
        env = Repair(make_env(), attempts=5, reward=reward)
        env.reset(options=ECHO)
        for program in ("broken", "raise", "slow", "wrong"):
            info = env.step(program)[4]
            assert "987654" not in repr(info)
            assert not {"judgement", "outcome"} & set(info)


def test_each_attempt_begins_with_the_starter_code(make_env: MakeEnv) -> None:
    env = Repair(make_env(action_mode="line"), attempts=2)
    first, _ = env.reset(options={"problem_id": "toy/double"})
    env.step("return 'wrong'")
    second, reward, terminated, _, info = env.step("")
    assert (reward, terminated) == (0, False)
    assert info["feedback"].splitlines()[1:] == ["Call: double(2)", "Expected: 4", "Got: 7"]
    assert second["program"].tolist() == first["program"].tolist()
    env.step("return 'right'")
    _, reward, terminated, _, info = env.step("")
    assert (reward, terminated) == (1, True)
    assert info["program_text"] == "def double(n):\n    return 'right'\n"


def test_a_full_window_ends_an_attempt_only(make_env: MakeEnv) -> None:
    base = make_env(action_mode="token", max_program_tokens=12, action_mask=True)
    tokens = base.tokenizer.encode("wrong" * 12)[:12]
    env = Repair(base, attempts=2)
    env.reset(options=ECHO)
    for token in tokens[:-1]:
        assert "attempt" not in env.step(token)[4]
    observation, _, terminated, _, info = env.step(tokens[-1])
    assert not terminated
    assert info["action_mask"].shape == (len(base.tokenizer),)
    assert observation["program_length"].tolist() == [0]
    for token in tokens:
        terminated = env.step(token)[2]
    assert terminated


def test_a_problem_without_examples_has_one_attempt(make_env: MakeEnv) -> None:
    env = Repair(make_env(), attempts=3)
    _, info = env.reset(options={"problem_id": "toy/bare"})
    assert (info["attempt"], info["attempts"]) == (1, 1)
    assert play(env, ["wrong"])[0][0] == -0.3


def test_a_time_limit_ends_the_episode_with_its_reward(make_env: MakeEnv) -> None:
    for kind, expected in (("improvement", 0.7), ("end", -0.3)):
        env = Repair(TimeLimit(make_env(), 2), attempts=5, reward=kind)
        env.reset(options=ECHO)
        env.step("broken")
        _, reward, terminated, truncated, info = env.step("wrong")
        assert (reward, terminated, truncated, info["attempt"]) == (pytest.approx(expected), True, True, 2)
        assert info["outcome"] == "failed_test"


def test_a_judge_that_fails_on_the_examples_ends_the_episode(make_env: MakeEnv) -> None:
    env = Repair(make_env(), attempts=3)
    env.reset(options=ECHO)
    with pytest.raises(JudgeError, match="no worker"):
        env.step("crash wrong")
    with pytest.raises(ValueError, match="call reset"):
        env.step("right")


def test_the_same_seed_serves_the_same_problems(make_env: MakeEnv) -> None:
    plain, repair = make_env(), Repair(make_env(), attempts=2)
    drawn = []
    for env in (plain, repair):
        ids = []
        for number in range(8):
            ids.append(env.reset(seed=5 if number == 0 else None)[1]["problem_id"])
            env.step("wrong")
        drawn.append(ids)
    assert drawn[0] == drawn[1]


def test_what_cannot_be_wrapped(make_env: MakeEnv) -> None:
    with pytest.raises(ValueError, match="attempts must be a positive integer, not 0"):
        Repair(make_env(), attempts=0)
    with pytest.raises(ValueError, match="unknown reward of repair 'ende'; did you mean 'end'"):
        Repair(make_env(), reward="ende")
    with pytest.raises(ValueError, match="Repair wraps a coderl_env environment, not CartPoleEnv"):
        Repair(gym.make("CartPole-v1"))
    with pytest.raises(ValueError, match="Repair cannot go around DenseFeedback"):
        Repair(DenseFeedback(make_env(), lambda observation: np.zeros(observation["program_length"][0])))
    with pytest.raises(ValueError, match="Repair cannot go around Repair"):
        Repair(TimeLimit(Repair(make_env()), 3))


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version", "ignore:.*alternative render modes")
@pytest.mark.parametrize("mode", ACTION_MODES)
def test_gymnasium_finds_no_fault(make_env: MakeEnv, mode: str) -> None:
    class Lenient:
        """Fails every program on the hidden tests and on the examples."""

        def judge(self, program: str, problem: Problem) -> Judgement:
            cases = (CaseResult(Verdict.WRONG_ANSWER, "7"),) * len(problem.tests)
            return Judgement(Outcome.FAILED_TEST, cases, "none", "lines", "test")

        def close(self) -> None: ...

    check_env(Repair(make_env(action_mode=mode, judge=Lenient(), render_mode="ansi"), attempts=2))


def test_the_keyword_of_the_ids() -> None:
    spec = gym.make("CodeRL-APPS-v0", attempts=2, action_mode="program").spec
    assert spec is not None
    env = gym.make(EnvSpec.from_json(spec.to_json()))
    assert str(env).count("Repair") == 1
    assert isinstance(env.unwrapped, ProgramEnv)
    env.reset(options={"problem_id": "apps/sample/0001"})
    assert [env.step("print()")[2] for _ in range(2)] == [False, True]
    env.close()
    assert "Repair" not in str(gym.make("CodeRL-APPS-v0", attempts=1))
    with pytest.raises(ValueError, match="attempts must be a positive integer, not 0"):
        gym.make("CodeRL-APPS-v0", attempts=0)
    assert gym.spec("CodeRL-APPS-v0").kwargs == coderl_env.ENVIRONMENTS["CodeRL-APPS-v0"]


def test_a_prompt_that_is_too_long_keeps_some_of_each_part() -> None:
    tokenizer = load_tokenizer("nano")
    problem = Problem("p", "Print one. " * 400, ())
    program, feedback = "x = 1\n" * 400, "It is wrong. " * 400
    encoded = encode_repair_prompt(problem, program, feedback, tokenizer, 101)
    assert encoded.truncated
    assert encoded.text == build_repair_prompt(problem, program, feedback)
    assert len(encoded.token_ids) == 101
    shown = tokenizer.decode(encoded.token_ids)
    assert shown.startswith("\nQUESTION:\nPrint one.")
    assert shown.endswith("\nUse Standard Input format\nANSWER:\n")
    assert 0 < shown.index("\nPROGRAM:\nx = 1") < shown.index("\nRESULT:\nIt is wrong.")


def test_a_short_repair_prompt_is_whole() -> None:
    tokenizer = load_tokenizer("nano")
    problem = Problem("p", "Double it.", (), starter_code="def double(n):\n    ", entry_point="double")
    encoded = encode_repair_prompt(problem, "print(2)\n", "It prints 2.", tokenizer, 200)
    assert not encoded.truncated
    assert tokenizer.decode(encoded.token_ids) == encoded.text
    assert encoded.text == (
        "\nQUESTION:\nDouble it.\nPROGRAM:\nprint(2)\nRESULT:\nIt prints 2.\ndef double(n):\n    "
        "\nUse Call-Based format\nANSWER:\n"
    )


def test_the_words_for_other_faults() -> None:
    problem = Problem("p", "", (), examples=(AssertCase("assert f(1) == 2"), AssertCase("assert f(2) == 4")))

    def described(outcome: Outcome, *cases: CaseResult, error: str = "") -> list[str]:
        judgement = Judgement(outcome, cases, "none", "lines", "test", error)
        return describe_examples(problem, "x = 1\ny = (", judgement).splitlines()

    accepted, slow = CaseResult(Verdict.ACCEPTED), CaseResult(Verdict.TIME_LIMIT)
    assert described(Outcome.RUNTIME_ERROR, accepted, slow) == [
        "It passes 1 of 2 examples and fails example 2.",
        "Test: assert f(2) == 4",
        "It takes too long.",
    ]
    assert described(Outcome.PASSED, accepted, accepted) == ["It passes all 2 examples."]
    broken = "SyntaxError: '(' was never closed (program.py, line 2)"
    assert described(Outcome.COMPILE_ERROR, slow, slow, error=broken) == [
        f"It does not compile: {broken}",
        "Line 2: y = (",
    ]
    long = CaseResult(Verdict.WRONG_ANSWER, "9" * 5000)
    assert max(map(len, described(Outcome.FAILED_TEST, long, accepted))) < 250
    for verdict in set(Verdict) - {Verdict.ACCEPTED}:
        assert described(Outcome.RUNTIME_ERROR, CaseResult(verdict), accepted)
