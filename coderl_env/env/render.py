"""An episode as text for a terminal: the problem, the program so far, the verdicts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from coderl_env.outcome import CaseResult, Judgement, Verdict
from coderl_env.problem import Problem

__all__ = ["render_episode", "render_problem", "render_text", "render_verdict"]

_WIDTH = 88
_STATEMENT_LINES = 16
_SHOWN_CASES = 12
_BOLD, _DIM, _RED, _GREEN, _YELLOW, _PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"


def render_episode(
    problem: Problem, program: str, used_tokens: int, max_tokens: int, judgement: Judgement | None, reward: float
) -> str:
    """Return the episode as text with ANSI colours.

    Args:
        problem: what is to be solved.
        program: the program so far.
        used_tokens: tokens of the program's window that are taken.
        max_tokens: size of the window.
        judgement: the verdicts, or None while the program is being written.
        reward: the reward of the last step.
    """
    written = "\n".join((_rule(f"program   {used_tokens} of {max_tokens} tokens"), *_numbered(program), ""))
    verdict = "" if judgement is None else render_verdict(judgement, reward)
    return render_problem(problem) + written + verdict


def render_problem(problem: Problem, *, whole: bool = False) -> str:
    """Return what is to be solved; `whole` leaves nothing of a long statement out."""
    title = problem.id if problem.difficulty is None else f"{problem.id}   {problem.difficulty}"
    return "\n".join((_rule(title), *_statement(problem.statement, whole=whole), ""))


def render_verdict(judgement: Judgement, reward: float) -> str:
    """Return what became of a program."""
    return "\n".join((_rule("verdict"), *_verdicts(judgement, reward), ""))


def render_text(text: str) -> str:
    """Return `text` without characters that a terminal would obey, but for the ends of lines."""
    return "\n".join(map(_visible, text.split("\n")))


def _rule(title: str) -> str:
    return f"{_BOLD}-- {_visible(title)} {'-' * max(2, _WIDTH - 4 - len(title))}{_PLAIN}"


def _visible(text: str) -> str:
    """Return `text` on one line, without characters that a terminal would obey."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    return "    " if character == "\t" else character.encode("unicode_escape").decode()


def _statement(statement: str, *, whole: bool) -> list[str]:
    lines: list[str] = []
    for line in statement.strip().splitlines():
        lines += textwrap.wrap(_visible(line), _WIDTH) or [""]
        if len(lines) > _STATEMENT_LINES and not whole:
            return [*lines[:_STATEMENT_LINES], f"{_DIM}[...]{_PLAIN}"]
    return lines


def _numbered(program: str) -> list[str]:
    lines = program.split("\n")
    return [f"{_DIM}{number:4d}{_PLAIN}  {_visible(line)}" for number, line in enumerate(lines, 1)]


def _verdicts(judgement: Judgement, reward: float) -> list[str]:
    accepted = sum(case.verdict is Verdict.ACCEPTED for case in judgement.cases)
    colour = _GREEN if judgement.passed else _RED
    outcome = judgement.outcome.value.replace("_", " ")
    lines = [f"{colour}{_BOLD}{outcome}{_PLAIN}   {accepted} of {len(judgement.cases)} tests   reward {reward:g}"]
    if judgement.compile_error:
        return [*lines, _visible(judgement.compile_error)[:_WIDTH]]
    lines += [_case_line(number, case) for number, case in enumerate(_first_cases(judgement.cases), 1)]
    hidden = len(judgement.cases) - _SHOWN_CASES
    return [*lines, f"{_DIM}[... {hidden} more]{_PLAIN}"] if hidden > 0 else lines


def _first_cases(cases: Sequence[CaseResult]) -> Sequence[CaseResult]:
    return cases[:_SHOWN_CASES]


def _case_line(number: int, case: CaseResult) -> str:
    colour = {Verdict.ACCEPTED: _GREEN, Verdict.NOT_RUN: _YELLOW}.get(case.verdict, _RED)
    verdict = case.verdict.value.replace("_", " ")
    details = _visible(_case_details(case))[: _WIDTH - 22]
    return f"{number:4d}  {colour}{verdict}{_PLAIN}" + (" " * (16 - len(verdict)) + details if details else "")


def _case_details(case: CaseResult) -> str:
    if case.error_type is not None:
        where = "" if case.error_line is None else f" in line {case.error_line}"
        return f"{case.error_type}{where}: {case.error_message}".removesuffix(": ")
    return f"wrote {case.output!r}" if case.verdict is Verdict.WRONG_ANSWER else ""
