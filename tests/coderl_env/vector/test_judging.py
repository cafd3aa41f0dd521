"""Programs of one step are judged together; what goes wrong there is never made into a reward."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded

from coderl_env.datasets import ProblemSet
from coderl_env.env import judge_lease
from coderl_env.judge import Judge, JudgeError
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem, StdioCase
from coderl_env.vector import ProgramVectorEnv

MakeVector = Callable[..., ProgramVectorEnv]


class FailingJudge:
    """Fails on programs that hold `boom`."""

    def __init__(self, judge: Any, error: Exception) -> None:
        self._judge = judge
        self._error = error

    def judge(self, program: str, problem: Problem) -> Judgement:
        if "boom" in program:
            raise self._error
        judgement: Judgement = self._judge.judge(program, problem)
        return judgement

    def close(self) -> None: ...


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_step_submits_every_program_before_it_waits(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(4, judge=held_judge, action_mode="program")
    env.reset(options={"problem_id": "toy/echo"})
    results: list[Any] = []
    programs = ("print(input())\n", "b", "c", "print(input())\n")
    thread = threading.Thread(target=lambda: results.append(env.step(programs)))
    thread.start()
    wait_for(lambda: len(held_judge.held) == 4)
    for number in (2, 0, 1, 0):  # not in their order
        assert not results
        held_judge.release(number)
    thread.join(10)
    _, rewards, terminated, truncated, infos = results[0]
    assert rewards.tolist() == [1.0, -0.3, -0.3, 1.0]
    assert terminated.all()
    assert not truncated.any()
    assert infos["program_text"].tolist() == list(programs)


@pytest.mark.parametrize("autoreset", ["NextStep", "SameStep", "Disabled"])
def test_a_failing_judge_truncates_and_makes_up_no_reward(
    make_vector: MakeVector, lookup_judge: Any, autoreset: str
) -> None:
    judge = FailingJudge(lookup_judge, JudgeError("no worker is left"))
    env = make_vector(judge=judge, action_mode="program", autoreset_mode=autoreset)
    env.reset(options={"problem_id": "toy/echo"})
    _, rewards, terminated, truncated, infos = env.step(("print(input())\n", "boom", "pass"))
    assert rewards.tolist() == [1.0, 0.0, -0.3]
    assert terminated.tolist() == [True, False, True]
    assert truncated.tolist() == [False, True, False]
    final = infos["final_info"] if autoreset == "SameStep" else infos
    assert final["judge_error"].tolist() == [None, "no worker is left", None]
    assert final["_judge_error"].tolist() == [False, True, False]
    assert final["_outcome"].tolist() == final["_judgement"].tolist() == [True, False, True]
    assert final["program_text"].tolist() == ["print(input())\n", "boom", "pass"]
    if autoreset == "Disabled":
        env.reset(options={"reset_mask": np.array([True, True, True])})
    elif autoreset == "NextStep":
        env.step(("", "", ""))
    assert env.step(("pass", "pass", "pass"))[2].all()


def test_other_failures_raise_and_ask_for_a_reset(make_vector: MakeVector, lookup_judge: Any) -> None:
    judge = FailingJudge(lookup_judge, ValueError("problem 'toy/echo' has an unknown checker"))
    env = make_vector(judge=judge, action_mode="program")
    env.reset()
    with pytest.raises(ValueError, match="unknown checker"):
        env.step(("pass", "boom", "pass"))
    with pytest.raises(ResetNeeded, match=r"no episode has begun; call reset\(\) before step\(\)"):
        env.step(("pass", "pass", "pass"))
    env.reset(options={"problem_id": "toy/echo"})
    assert env.step(("pass", "pass", "pass"))[1].tolist() == [-0.3] * 3


@pytest.mark.parametrize("reward", [lambda judgement: float("nan"), lambda judgement: 1 / 0])
def test_an_unusable_reward_raises(make_vector: MakeVector, reward: Any) -> None:
    env = make_vector(reward=reward, action_mode="program")
    env.reset()
    with pytest.raises((ValueError, ZeroDivisionError)):
        env.step(("pass", "pass", "pass"))
    env.reset()


def test_closing_wakes_who_waits_and_leaves_the_rest_unjudged(make_vector: MakeVector, held_judge: Any) -> None:
    env = make_vector(judge=held_judge, action_mode="program")
    env.reset()
    errors: list[BaseException] = []

    def play() -> None:
        try:
            env.step(("pass", "pass", "pass"))
        except ResetNeeded as error:
            errors.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    wait_for(lambda: len(held_judge.held) == 3)
    env.close()
    thread.join(10)
    assert "closed while programs were being judged" in str(errors[0])
    assert all(future.cancelled() for future, _, _ in held_judge.held)
    env.close()
    for use in (env.reset, lambda: env.step(("", "", "")), lambda: env.send(("", "", "")), env.recv):
        with pytest.raises(ValueError, match="the environment is closed"):
            use()


def test_closing_does_not_wait_for_a_program_that_runs() -> None:
    slow = Problem("slow", "Wait.", (StdioCase("", ""),))
    dataset = ProblemSet("toy", "slow", (slow,))
    env = ProgramVectorEnv(2, dataset=dataset, action_mode="program", limits={"wall_seconds": 4.0})
    env.reset()
    env.send(("import time\ntime.sleep(60)\n", "import time\ntime.sleep(60)\n"))
    wait_for(lambda: judge_of(env) is not None)
    time.sleep(0.3)  # until they run
    started = time.monotonic()
    env.close()
    assert time.monotonic() - started < 1.0
    # The judge is closed all the same.
    closing = [thread for thread in threading.enumerate() if thread.name == "coderl-judge-close"]
    for thread in closing:
        thread.join(30)
        assert not thread.is_alive()


def judge_of(env: ProgramVectorEnv) -> Any:
    return next((shared.judge for shared in judge_lease._shared.values() if isinstance(shared.judge, Judge)), None)


def test_a_forgotten_vector_gives_its_judge_back(make_vector: MakeVector, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = threading.Event()

    class Made:
        def submit(self, program: str, problem: Problem) -> Future[Judgement]:
            return Future()

        def judge(self, program: str, problem: Problem) -> Judgement:
            raise AssertionError

        def close(self) -> None:
            closed.set()

    asked: list[Any] = []
    monkeypatch.setattr(judge_lease, "_make_judge", lambda settings: (asked.append(settings), Made())[1])
    monkeypatch.setattr(judge_lease, "_shared", {})
    env = make_vector(judge=None, action_mode="program")
    env.reset()
    env.send(("pass", "pass", "pass"))
    assert [settings.workers for settings in asked] == [None]
    del env
    gc.collect()
    assert closed.wait(10)
