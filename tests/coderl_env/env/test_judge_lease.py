"""One judge per process and settings, closed by the last to leave."""

from __future__ import annotations

import gc
import os

import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.env import ProgramEnv, judge_lease
from coderl_env.env.judge_lease import JudgeLease, JudgeSettings
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Limits, Problem


class CountingJudge:
    """Answers with its number as the judge's version."""

    def __init__(self, settings: JudgeSettings, made: list[CountingJudge]) -> None:
        self.settings = settings
        self.number = len(made)
        self.closed = 0
        made.append(self)

    def judge(self, program: str, problem: Problem) -> Judgement:
        return Judgement(Outcome.FAILED_TEST, (CaseResult(Verdict.WRONG_ANSWER),), "none", "lines", str(self.number))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[CountingJudge]:
    """The judges made so far; they take the place of real ones."""
    judges: list[CountingJudge] = []
    monkeypatch.setattr(judge_lease, "_make_judge", lambda settings: CountingJudge(settings, judges))
    monkeypatch.setattr(judge_lease, "_shared", {})
    return judges


def lease(settings: JudgeSettings | None = None) -> JudgeLease:
    return JudgeLease(settings or JudgeSettings(), lambda settings: judge_lease._make_judge(settings))


def use(share: JudgeLease) -> int:
    """Judge something, and return the number of the judge that did."""
    return int(share.judge("", Problem("p", "", ())).judge_version)


def test_nothing_is_made_before_a_program_is_judged(made: list[CountingJudge]) -> None:
    lease().release()
    assert made == []


def test_equal_settings_share_and_the_last_closes(made: list[CountingJudge]) -> None:
    first, second = lease(), lease()
    assert [use(first), use(second), use(first)] == [0, 0, 0]
    first.release()
    first.release()
    assert made[0].closed == 0
    second.release()
    assert made[0].closed == 1
    assert use(lease()) == 1


def test_other_settings_have_a_judge_of_their_own(made: list[CountingJudge]) -> None:
    assert use(lease()) == 0
    assert use(lease(JudgeSettings(limits=Limits(cpu_seconds=1)))) == 1
    assert use(lease(JudgeSettings(comparator="exact"))) == 2
    assert use(lease(JudgeSettings(isolation="none"))) == 3
    assert use(lease(JudgeSettings(workers=None))) == 4


def test_a_fork_does_not_inherit_the_judge(made: list[CountingJudge], monkeypatch: pytest.MonkeyPatch) -> None:
    share = lease()
    assert use(share) == 0
    pid = os.getpid()
    monkeypatch.setattr(judge_lease.os, "getpid", lambda: pid + 1)
    assert use(share) == 1
    share.release()
    assert [judge.closed for judge in made] == [0, 1]


def test_a_fork_leaves_the_judge_of_its_parent_open(made: list[CountingJudge], monkeypatch: pytest.MonkeyPatch) -> None:
    share = lease()
    use(share)
    pid = os.getpid()
    monkeypatch.setattr(judge_lease.os, "getpid", lambda: pid + 1)
    share.release()
    assert made[0].closed == 0


def test_environments_use_the_judge_of_their_settings(made: list[CountingJudge], toy: ProblemSet) -> None:
    settings = {"comparator": "tokens", "limits": {"cpu_seconds": 1}}
    for _ in range(2):
        env = ProgramEnv(dataset=toy, **settings)
        env.reset()
        env.step(env.tokenizer.eos_id)
        env.close()
    assert [judge.settings.comparator for judge in made] == ["tokens", "tokens"]
    assert [judge.settings.limits for judge in made] == [Limits(cpu_seconds=1)] * 2
    assert [judge.closed for judge in made] == [1, 1]


def test_a_forgotten_environment_gives_its_share_back(made: list[CountingJudge], toy: ProblemSet) -> None:
    env = ProgramEnv(dataset=toy)
    env.reset()
    env.step(env.tokenizer.eos_id)
    del env
    gc.collect()
    assert [judge.closed for judge in made] == [1]
