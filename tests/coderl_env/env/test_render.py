"""What a person sees, and that a program cannot write to the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from coderl_env.env import ProgramEnv
from coderl_env.env.render import render_episode
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem

COLOUR = re.compile("\033\\[[0-9;]*m")


def plain(text: str) -> str:
    return COLOUR.sub("", text)


def test_an_episode_from_prompt_to_verdict(make_env: Callable[..., ProgramEnv]) -> None:
    env = make_env(render_mode="ansi")
    env.reset(options={"problem_id": "toy/double"})
    before = plain(env.render() or "")
    assert "toy/double   introductory" in before
    assert "Return twice the number." in before
    assert "   1  def double(n):" in before
    assert "verdict" not in before
    for token in [*env.tokenizer.encode("return 3"), env.tokenizer.eos_id]:
        env.step(token)
    after = plain(env.render() or "")
    assert "   2      return 3" in after
    assert "failed test   1 of 2 tests   reward -0.3" in after
    assert re.search(r"1  accepted\n +2  wrong answer +wrote '4'", after)


def test_without_a_render_mode_nothing_is_rendered(make_env: Callable[..., ProgramEnv]) -> None:
    env = make_env()
    env.reset()
    with pytest.warns(UserWarning, match='render\\(\\) needs render_mode="ansi"'):
        assert env.render() is None


def test_rendering_before_reset_says_what_to_do(make_env: Callable[..., ProgramEnv]) -> None:
    with pytest.raises(ValueError, match="call reset"):
        make_env(render_mode="ansi").render()


def test_nothing_reaches_the_terminal_but_our_colours(echo: Problem) -> None:
    evil = "\033]0;owned\a\033[2J\r\x9b31m\u202e"
    case = CaseResult(Verdict.EXCEPTION, evil, evil, 3, evil)
    judgement = Judgement(Outcome.RUNTIME_ERROR, (case,), "none", "lines", "test")
    problem = replace(echo, id=evil, statement=evil)
    for each in (judgement, replace(judgement, compile_error=evil)):
        left = plain(render_episode(problem, evil, 1, 2, each, 0.0)).replace("\n", "")
        assert left.isprintable()


def test_long_episodes_are_shortened(echo: Problem) -> None:
    case = CaseResult(Verdict.WRONG_ANSWER, "x" * 10_000)
    judgement = Judgement(Outcome.FAILED_TEST, (case,) * 500, "none", "lines", "test")
    text = plain(render_episode(replace(echo, statement="word " * 10_000), "pass", 1, 2, judgement, 0.0))
    assert "[... 488 more]" in text
    assert len(text.splitlines()) < 50
    assert max(map(len, text.splitlines())) <= 100
