"""The verdict cache: what was judged before starts no process; whatever could change the verdict changes the key."""

from __future__ import annotations

import platform
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coderl_env.judge import Judge, Limits
from coderl_env.judge import cache as cache_module
from coderl_env.judge import judge as judge_module
from coderl_env.judge.cache import VerdictCache, cache_key
from coderl_env.judge.trial import Settings, Trial
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

PROBLEM = Problem("p", "Double it.", (StdioCase("2\n", "4\n"), StdioCase("5\n", "10\n")))
PROGRAM = "print(2 * int(input()))"
SETTINGS = Settings(Limits(), "lines", "first_limit", "strict")
JUDGEMENT = Judgement(Outcome.PASSED, (CaseResult(Verdict.ACCEPTED, "4\n", cpu_seconds=0.1),), "strict", "lines", "1")


def test_what_was_judged_before_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    real = judge_module._judge_with_retries

    def counted(trial: Any, worker: Any) -> Judgement:
        runs.append(trial.program)
        return real(trial, worker)

    monkeypatch.setattr(judge_module, "_judge_with_retries", counted)
    path = tmp_path / "verdicts.sqlite"
    with Judge(workers=1, cache=path) as judge:
        first = judge.judge(PROGRAM, PROBLEM)
        assert judge.judge(PROGRAM, PROBLEM) == first
    with Judge(workers=1, cache=str(path)) as judge:
        again = judge.judge(PROGRAM, PROBLEM)
        assert again == first
        assert again.cases[0].cpu_seconds == first.cases[0].cpu_seconds
        assert runs == [PROGRAM]
        assert judge.judge("print(2)", PROBLEM).outcome is Outcome.FAILED_TEST
    assert runs == [PROGRAM, "print(2)"]


def key(program: str = PROGRAM, problem: Problem = PROBLEM, settings: Settings = SETTINGS) -> str:
    return cache_key(Trial.prepare(program, problem, settings))


OTHERS = {
    "program": key(program=PROGRAM + "\n"),
    "limits": key(settings=replace(SETTINGS, limits=Limits(cpu_seconds=3.0))),
    "the problem's limits": key(problem=replace(PROBLEM, limits=Limits(memory_bytes=1 << 30))),
    "comparator": key(settings=replace(SETTINGS, comparator="tokens")),
    "the problem's comparator": key(problem=replace(PROBLEM, comparator="floats")),
    "checker": key(problem=replace(PROBLEM, checker="def check(a, b, c): return True")),
    "stop": key(settings=replace(SETTINGS, stop="never")),
    "tier": key(settings=replace(SETTINGS, isolation="portable")),
    "expected output": key(problem=replace(PROBLEM, tests=(StdioCase("2\n", "4\n"), StdioCase("5\n", "11\n")))),
    "input": key(problem=replace(PROBLEM, tests=(StdioCase("3\n", "4\n"), StdioCase("5\n", "10\n")))),
    "number of tests": key(problem=replace(PROBLEM, tests=PROBLEM.tests[:1])),
    "order of tests": key(problem=replace(PROBLEM, tests=PROBLEM.tests[::-1])),
    "kind of test": key(problem=replace(PROBLEM, tests=(AssertCase("assert f(2) == 4"),))),
    "list or tuple": key(problem=replace(PROBLEM, tests=(CallCase(((1,),), 4),), entry_point="f")),
    "tuple or list": key(problem=replace(PROBLEM, tests=(CallCase(([1],), 4),), entry_point="f")),
    "number": key(problem=replace(PROBLEM, tests=(CallCase(([1.0],), 4),), entry_point="f")),
    "bool": key(problem=replace(PROBLEM, tests=(CallCase(([True],), 4),), entry_point="f")),
    "entry point": key(problem=replace(PROBLEM, entry_point="f")),
    "helpers": key(problem=replace(PROBLEM, starter_code="def helper(): return 1")),
}


def test_whatever_could_change_the_verdict_changes_the_key() -> None:
    keys = [key(), *OTHERS.values()]
    assert len(set(keys)) == len(keys)


def test_the_judges_version_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr(cache_module, "JUDGE_VERSION", "another")
    assert key() != before


def test_another_python_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setattr(platform, "python_version", lambda: "3.99.0")
    assert key() != before


def test_what_cannot_change_the_verdict_does_not_change_the_key() -> None:
    same = replace(PROBLEM, id="q", statement="Twice.", difficulty="1", source="here", solutions=("print(4)",))
    assert key(problem=same) == key()
    assert key(problem=replace(PROBLEM, comparator="lines", limits=Limits())) == key()


def test_a_file_is_shared_by_threads_and_openers(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.sqlite"
    stores = [VerdictCache(path) for _ in range(2)]

    def use(number: int) -> None:
        store = stores[number % 2]
        store.put(f"key {number % 10}", JUDGEMENT)
        assert store.get(f"key {number % 10}") == JUDGEMENT

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(200)))
    assert stores[0].get("key 10") is None
    for store in stores:
        store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM judgement").fetchone() == (10,)
    connection.close()


def test_failures_of_the_judge_and_of_the_problem_are_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.sqlite"
    broken = replace(PROBLEM, checker="def check(stdin, expected, output): return 1 / 0")
    with Judge(workers=1, cache=path) as judge:
        for _ in range(2):
            with pytest.raises(ValueError, match="ZeroDivisionError"):
                judge.judge(PROGRAM, broken)


@pytest.mark.parametrize("program", ["\0", "\ud800", "print('\\ud800')"])
def test_programs_that_are_no_text_are_cached_too(tmp_path: Path, program: str) -> None:
    with Judge(workers=1, cache=tmp_path / "verdicts.sqlite") as judge:
        assert judge.judge(program, PROBLEM) == judge.judge(program, PROBLEM)
