"""Stored programs judged again: what changes is told, and the old store stays as it was."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coderl_env.datasets import ProblemSet
from coderl_env.experiment.rejudging import rejudge
from coderl_env.experiment.run_folder import RunFolderError
from coderl_env.experiment.sources import open_source
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.problem import Problem, StdioCase

CASE = (StdioCase("", "x"),)
NAMES = [f"synth/test/{'12'[number % 2]}/{number}" for number in range(6)]
PROBLEMS = ProblemSet.of("toy", "test", [Problem(name, "", CASE, examples=CASE) for name in NAMES])
CHANGES = {"comparator": "tokens"}


def _rejudge(folder: Path, out: Path, judge: Any, problems: ProblemSet = PROBLEMS, **changes: Any) -> dict[str, Any]:
    with open_source(folder) as source:
        return rejudge(source, out, lambda _: [problems], judge, {**CHANGES, **changes})


def test_what_changed_is_counted_and_shown(tmp_path: Path, sweep_folder: Path, make_judge: Any) -> None:
    before = hashlib.sha256((sweep_folder / "sweep.sqlite").read_bytes()).hexdigest()
    # Passes every program that ends in the index 1, and no other.
    judge = make_judge(", 1)")
    summary = _rejudge(sweep_folder, tmp_path / "new", judge)
    assert summary["programs"] == 7 * 6 * (5 + 5 + 4)
    row = summary["rows"]["strong CodeRL-Synth-v0 1: rl"]
    assert row["after"]["pass_at_1"]["mean"] == 0.25
    with open_source(sweep_folder) as old, open_source(tmp_path / "new") as new:
        pairs = list(zip(old.samples(1, "rl"), new.samples(1, "rl"), strict=True))
        assert [(a.task_id, a.sample_index, a.program) for a, _ in pairs] == [
            (b.task_id, b.sample_index, b.program) for _, b in pairs
        ]
        counted = sum(a.outcome.value == "failed_test" and b.outcome.value == "passed" for a, b in pairs)
        assert row["outcomes"]["failed_test"]["passed"] == counted > 0
        assert [b.passed_examples is None for a, b in pairs] == [a.passed_examples is None for a, _ in pairs]
        cell = new.cells()[1]
        assert cell.settings["comparator"] == "tokens"
        assert cell.provenance["judge"]["comparator"] == "tokens"
        assert cell.provenance["judged before by"] == {"isolation": "strict"}
        assert list(new.metrics(1)) == list(old.metrics(1))
    assert summary["changed"] == sum(
        count
        for found in summary["rows"].values()
        for first, line in found["outcomes"].items()
        for second, count in line.items()
        if first != second
    )
    assert len(summary["examples"]) == 20
    assert summary["examples"][0]["before"] != summary["examples"][0]["after"]
    assert hashlib.sha256((sweep_folder / "sweep.sqlite").read_bytes()).hexdigest() == before


def test_a_stopped_rejudging_goes_on(tmp_path: Path, sweep_folder: Path, make_judge: Any) -> None:
    whole = _rejudge(sweep_folder, tmp_path / "whole", make_judge(", 1)"))
    stopped = make_judge(", 1)")
    stopped.fail_at = 100
    with pytest.raises(KeyboardInterrupt):
        _rejudge(sweep_folder, tmp_path / "new", stopped)
    with SweepStore(tmp_path / "new", read_only=True) as store:
        done = sum(count.samples for count in store.counts())
    assert 60 < done < 7 * 6 * (5 + 5 + 4)
    again = make_judge(", 1)")
    assert _rejudge(sweep_folder, tmp_path / "new", again) == whole
    assert len(again.asked) < len(stopped.asked)


def test_problems_that_are_gone_are_left_out_and_counted(tmp_path: Path, sweep_folder: Path, make_judge: Any) -> None:
    fewer = replace(PROBLEMS, problems=PROBLEMS.problems[1:])
    summary = _rejudge(sweep_folder, tmp_path / "new", make_judge(", 1)"), fewer)
    assert summary["without_problem"] == 7 * (5 + 5 + 4)
    assert summary["programs"] == 7 * 5 * (5 + 5 + 4)


def test_a_folder_keeps_its_settings(tmp_path: Path, sweep_folder: Path, make_judge: Any) -> None:
    _rejudge(sweep_folder, tmp_path / "new", make_judge())
    with pytest.raises(RunFolderError, match="other settings"):
        _rejudge(sweep_folder, tmp_path / "new", make_judge(), comparator="exact")
