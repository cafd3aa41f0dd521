"""`coderl evaluate --predictions`, and `coderl rejudge` and `coderl report` on what it leaves, with the real judge."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coderl_env.datasets import load_dataset
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.store import SweepStore


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bodies of three reference solutions as completions, and one that fails."""
    file = tmp_path_factory.mktemp("samples") / "samples.jsonl"
    problems = list(load_dataset("humaneval", "sample"))[:3]
    rows = [
        {"task_id": problem.id, "completion": problem.solutions[0].removeprefix(problem.starter_code)}
        for problem in problems
    ]
    rows.append({"task_id": problems[0].id, "completion": "    return None\n"})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_predictions_are_judged_rejudged_and_reported(
    coderl: Callable[..., Any], samples: Path, tmp_path: Path
) -> None:
    arguments = ["--predictions", samples, "--env", "humaneval", "--split", "sample", "--out", tmp_path / "out"]
    arguments += ["--limit", "cpu_seconds=3"]
    run = coderl("evaluate", *arguments, "--json")
    assert run.status == 0, run.err
    assert "format human-eval, problems of" in run.err
    summary = json.loads(run.out)
    row = summary["evaluation"]["predictions"]
    assert row["pass_at_1"]["mean"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert row["outcomes"]["passed"] == 3
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    table = coderl("evaluate", *arguments)
    assert "pass@1" in table.out
    assert "missing ones as failed" in table.out
    changed = coderl("evaluate", *arguments, "--comparator", "tokens")
    assert changed.status == 2
    assert "other settings (comparator)" in changed.err

    rejudged = coderl("rejudge", tmp_path / "out", "--comparator", "tokens", "--json")
    assert rejudged.status == 0, rejudged.err
    assert json.loads(rejudged.out)["changed"] == 0
    assert json.loads(rejudged.out)["changes"] == {"comparator": "tokens", "isolation": "auto"}
    (beside,) = tmp_path.glob("out-rejudged-*")
    assert (beside / "summary.json").exists()
    again = coderl("rejudge", tmp_path / "out", "--comparator", "tokens")
    assert "0 of 4 outcomes changed" in again.err
    assert "before, down; after, across" in again.out

    report = coderl("report", beside)
    assert report.status == 0, report.err
    assert "samples: predictions" in report.out
    assert "rejudged" in (beside / "report.md").read_text()
    listed = json.loads(coderl("report", tmp_path / "out", "--json", "--out", tmp_path / "page").out)
    assert Path(listed["page"]).read_text().startswith("<!DOCTYPE html>")
    assert {"Results", "Outcomes"} <= {table["title"] for table in listed["tables"]}


def test_a_data_set_is_told_by_the_ids(coderl: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "apps.json"
    file.write_text(json.dumps({"99999": ["print(1)"]}))
    run = coderl("evaluate", "--predictions", file, "--split", "sample", "--out", tmp_path / "out")
    assert "unknown problem '99999'" in run.err
    assert "apps/sample" in run.err
    file.write_text('{"task_id": "x", "program": "p"}\n')
    assert "name one with --env" in coderl("evaluate", "--predictions", file).err


BAD: dict[str, tuple[list[str], str]] = {
    "both": (["--predictions", "x", "--agent", "random"], "one of them"),
    "missing": (["--predictions", "/nowhere.jsonl"], "there is no file of predictions"),
    "of agents": (["--predictions", "FILE", "--model", "nano"], "--model is for agents and does nothing"),
    "of files": (["--agent", "random", "--comparator", "tokens"], "--comparator is for --predictions"),
    "format": (["--predictions", "FILE", "--format", "evalplu"], "did you mean 'evalplus'"),
    "split": (["--predictions", "FILE", "--env", "humaneval", "--split", "tst"], "did you mean 'test'"),
    "limit": (
        ["--predictions", "FILE", "--env", "humaneval", "--split", "sample", "--limit", "cpu=1"],
        "unknown limit",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(coderl: Callable[..., Any], samples: Path, name: str) -> None:
    arguments, message = BAD[name]
    run = coderl("evaluate", *[str(samples) if argument == "FILE" else argument for argument in arguments])
    assert run.status == 2
    assert message in run.err
    assert "Traceback" not in run.err


def test_a_pickle_is_refused(coderl: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "codes.pkl"
    file.write_bytes(pickle.dumps({0: ["print(1)"]}))
    run = coderl("evaluate", "--predictions", file)
    assert run.status == 2
    assert "is to run what it says" in run.err


@pytest.mark.parametrize("command", ["report", "rejudge"])
def test_folders_without_programs(coderl: Callable[..., Any], tmp_path: Path, command: str) -> None:
    run = coderl(command, tmp_path / "nowhere")
    assert run.status == 2
    assert "there is no folder" in run.err
    (tmp_path / "sweep.sqlite").write_text("no database, but text that is long enough to be looked at" * 20)
    run = coderl(command, tmp_path)
    assert run.status == 2
    assert "is no sweep store" in run.err


def test_the_old_folder_is_never_written_over(coderl: Callable[..., Any], tmp_path: Path) -> None:
    run = coderl("rejudge", tmp_path, "--out", tmp_path)
    assert run.status == 2
    assert "is the folder that is read" in run.err


def test_one_judge_cannot_apply_two_rules(coderl: Callable[..., Any], tmp_path: Path) -> None:
    with SweepStore(tmp_path / "sweep.sqlite") as store:
        for number, comparator in enumerate(("lines", "tokens")):
            name = f"c{number}"
            store.put_cells([Cell(number, name, name, "a", "CodeRL-Synth-v0", {"comparator": comparator}, 0, "done")])
    run = coderl("rejudge", tmp_path, "--out", tmp_path / "new")
    assert run.status == 2
    assert "choose one with --comparator" in run.err
    assert not (tmp_path / "new").exists()
