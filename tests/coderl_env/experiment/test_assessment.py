"""Predictions judged into a folder: figures, what is missing, going on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coderl_env.datasets import DatasetError, ProblemSet
from coderl_env.experiment.assessment import ROW, assess, digest_of, survey
from coderl_env.experiment.run_folder import RunFolderError
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.problem import Problem, StdioCase

CASE = (StdioCase("", "x"),)
PROBLEMS = ProblemSet.of(
    "toy",
    "test",
    [Problem(f"toy/{name}", "", CASE, examples=CASE * 2, difficulty=level) for name, level in ("ae", "bh", "ch")],
)
ROWS = [("toy/a", "right 1"), ("toy/a", "wrong"), ("toy/b", "right 1"), ("toy/b", "right 1"), ("toy/a", "wrong 2")]
SETTINGS: dict[str, Any] = {
    "format": "plain",
    "digest": "",
    "env": "CodeRL-APPS-v0",
    "comparator": "lines",
    "reward": "coderl",
    "examples": False,
    "skip_unknown": False,
    "seed": 0,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps({"task_id": name, "program": text}) + "\n" for name, text in ROWS))
    return path


def _assess(folder: Path, file: Path, judge: Any, **settings: Any) -> dict[str, Any]:
    values = {**SETTINGS, **settings}
    found = survey(file, "plain", PROBLEMS, skip_unknown=values["skip_unknown"])
    return assess(folder, file, PROBLEMS, judge, values, found)


def test_a_survey_counts_what_the_file_holds(file: Path) -> None:
    found = survey(file, "plain", PROBLEMS)
    assert (found.programs, found.repeated, found.problems, found.unknown) == (5, 1, 2, 0)
    assert found.missing == ("toy/c",)


def test_unknown_problems_are_refused_or_left_out(file: Path) -> None:
    with file.open("a") as lines:
        lines.write('{"task_id": "toy/z", "program": "right"}\n')
    with pytest.raises(DatasetError, match=r"line 6: unknown problem 'toy/z'.*--skip-unknown leaves"):
        survey(file, "plain", PROBLEMS)
    assert survey(file, "plain", PROBLEMS, skip_unknown=True).unknown == 1
    file.write_text('{"task_id": "toy/z", "program": "right"}\n')
    with pytest.raises(DatasetError, match="none of the 1 programs"):
        survey(file, "plain", PROBLEMS, skip_unknown=True)


def test_the_summary_has_the_figures(tmp_path: Path, file: Path, make_judge: Any) -> None:
    judge = make_judge()
    summary = _assess(tmp_path / "out", file, judge)
    row = summary["evaluation"][ROW]
    assert row["pass_at_1"]["mean"] == pytest.approx((1 / 3 + 1) / 2)
    assert row["outcomes"] == {"compile_error": 0, "runtime_error": 0, "failed_test": 2, "passed": 3}
    assert row["samples_per_problem"] == [2, 3]
    assert row["difficulties"]["h"]["pass_at_1"]["mean"] == 1.0
    assert row["missing_as_failed"]["pass_at_1"]["mean"] == pytest.approx((1 / 3 + 1) / 3)
    assert summary["missing"] == {"problems": 1, "first": ["toy/c"]}
    assert summary["dataset"] == {"name": "toy", "split": "test", "size": 3, "skipped": 0}
    # The same program for the same problem is judged once, and counts twice.
    assert len(judge.asked) == 4


def test_examples_give_n_at_k(tmp_path: Path, file: Path, make_judge: Any) -> None:
    row = _assess(tmp_path / "out", file, make_judge(), examples=True)["evaluation"][ROW]
    # With this judge whoever passes the examples passes the tests, so one program of two drawn suffices wherever one
    # of them is right: for a, in two of the three pairs.
    assert row["1_at_2"]["mean"] == pytest.approx((2 / 3 + 1) / 2)


def test_what_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, file: Path, make_judge: Any) -> None:
    whole = _assess(tmp_path / "whole", file, make_judge())
    stopped = make_judge()
    stopped.fail_at = 3
    with pytest.raises(KeyboardInterrupt):
        _assess(tmp_path / "out", file, stopped)
    with SweepStore(tmp_path / "out", read_only=True) as store:
        kept = list(store.samples(0))
        assert [sample.program for sample in kept] == ["right 1", "wrong", "right 1", "right 1"]
        assert store.cells()[0].status == "running"
    again = make_judge()
    assert _assess(tmp_path / "out", file, again) == whole
    assert again.asked == [("wrong 2", "toy/a")]
    third = make_judge()
    assert _assess(tmp_path / "out", file, third) == whole
    assert third.asked == []


def test_a_folder_keeps_its_settings(tmp_path: Path, file: Path, make_judge: Any) -> None:
    _assess(tmp_path / "out", file, make_judge())
    with pytest.raises(RunFolderError, match=r"other settings \(comparator\)"):
        _assess(tmp_path / "out", file, make_judge(), comparator="tokens")


def test_an_endless_data_set_misses_nothing(file: Path) -> None:
    class Endless:
        name, split, size, skipped = "toy", "test", -1, 0

        def get(self, name: str) -> Problem:
            return replace(PROBLEMS.problems[0], id=name)

    assert survey(file, "plain", Endless()).missing is None  # type: ignore[arg-type]


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text("same")
    second.write_text("same")
    assert digest_of(first) == digest_of(second)
    second.write_text("other")
    assert digest_of(first) != digest_of(second)
    assert digest_of(tmp_path) != digest_of(first)
