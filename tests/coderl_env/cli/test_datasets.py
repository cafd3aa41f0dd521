"""`coderl datasets`: list, show, verify, and what is said of data that is not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coderl_env.datasets import load_dataset
from coderl_env.problem import Problem


@pytest.fixture(autouse=True)
def _no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CODERL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_list_says_what_is_here_and_how_to_get_the_rest(coderl: Callable[..., Any]) -> None:
    rows = {(row["name"], row["split"]): row for row in json.loads(coderl("datasets", "list", "--json").out)}
    assert rows["apps", "sample"]["problems"] == load_dataset("apps").size
    assert rows["synth", "train"]["problems"] == -1
    assert rows["apps", "train"]["where"] is None
    assert "coderl datasets fetch apps" in coderl("datasets", "list").out


def test_list_finds_data(coderl: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"task_id": "x/1", "prompt": "Say hi.", "inputs": [""], "outputs": ["hi"], "split": "train"}
    (tmp_path / "apps.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.setenv("CODERL_DATA", str(tmp_path))
    rows = {(row["name"], row["split"]): row for row in json.loads(coderl("datasets", "list", "--json").out)}
    assert rows["apps", "train"]["where"] == str(tmp_path / "apps.jsonl")


def test_show_prints_a_problem_that_judge_reads_back(coderl: Callable[..., Any]) -> None:
    run = coderl("datasets", "show", "synth", "--id", "synth/train/3/7", "--json")
    problem = Problem.from_dict(json.loads(run.out))
    assert problem == load_dataset("synth").get("synth/train/3/7")


def test_show_prints_the_statement(coderl: Callable[..., Any]) -> None:
    problem = next(iter(load_dataset("apps")))
    run = coderl("datasets", "show", "apps")
    assert run.status == 0
    assert problem.id in run.out
    assert problem.statement.strip() in run.out


def _write_rows(file: Path, solutions: list[list[str]]) -> None:
    rows = [
        {"task_id": f"x/{number}", "prompt": "Say hi.", "inputs": [""], "outputs": ["hi"], "solutions": programs}
        for number, programs in enumerate(solutions)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_verify_judges_the_solutions_and_fails_where_none_passes(coderl: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    _write_rows(file, [["print('ho')", "print('hi')"], ["print('ho')"], []])
    run = coderl("datasets", "verify", "apps", "--split", "train", "--data-dir", file, "--json")
    assert run.status == 1
    report = json.loads(run.out)
    assert (report["problems"], report["passed"], report["without_solutions"]) == (3, 1, 1)
    assert report["failed"] == {"x/1": "failed_test, test 1 wrong_answer"}
    table = coderl("datasets", "verify", "apps", "--split", "train", "--data-dir", file)
    assert table.status == 1
    assert "x/1" in table.out
    _write_rows(file, [["print('hi')"]])
    assert coderl("datasets", "verify", "apps", "--split", "train", "--data-dir", file).status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "synht"], "did you mean 'synth'"),
        (["show", "apps", "--split", "tran"], "did you mean 'train'"),
        (["show", "apps", "--split", "train"], "coderl datasets fetch apps"),
        (["show", "apps", "--id", "apps/sample/x"], "unknown"),
        (["show", "apps", "--split", "train", "--data-dir", "/nowhere"], "/nowhere does not exist"),
        (["fetch", "synth"], "synth"),
        (["verify", "synth"], "no end"),
    ],
)
def test_what_is_not_there_is_one_sentence(coderl: Callable[..., Any], arguments: list[str], message: str) -> None:
    run = coderl("datasets", *arguments)
    assert run.status == 2
    assert message in run.err
    assert run.err.count("\n") == 1
