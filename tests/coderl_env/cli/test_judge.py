"""`coderl judge`: judgements as JSON and as a table, and input that cannot be used."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coderl_env.cli.judge import read_problem, read_program
from coderl_env.outcome import Judgement, Outcome
from coderl_env.problem import CallCase, Problem, StdioCase

DOUBLE = Problem("test/double", "Read n and print 2n.", (StdioCase("2\n", "4\n"), StdioCase("5\n", "10\n")))


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("print(2 * int(input()))", Outcome.PASSED),
        ("print(4)", Outcome.FAILED_TEST),
        ("raise ValueError('\\x1b[31m no')", Outcome.RUNTIME_ERROR),
        ("print(", Outcome.COMPILE_ERROR),
        ("\x00", Outcome.COMPILE_ERROR),
    ],
)
def test_the_status_is_zero_whatever_the_outcome(
    coderl: Callable[..., Any], problem_file: Path, tmp_path: Path, program: str, outcome: Outcome
) -> None:
    file = tmp_path / "program.py"
    file.write_text(program)
    run = coderl("judge", "--problem", problem_file, "--program", file, "--json")
    assert run.status == 0
    assert run.err == ""
    judgement = Judgement.from_dict(json.loads(run.out))
    assert judgement.outcome is outcome
    assert len(judgement.cases) == 2
    table = coderl("judge", "--problem", problem_file, "--program", file)
    assert table.status == 0
    assert outcome.value.replace("_", " ").upper() in table.out
    assert "\x1b" not in table.out


def test_the_installed_command_reads_a_program_from_standard_input(problem_file: Path) -> None:
    command = [Path(sys.executable).parent / "coderl", "judge", "--problem", problem_file, "--program", "-", "--json"]
    done = subprocess.run(
        command, input="print(2 * int(input()))", capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "passed"


def test_a_plain_row_is_a_problem_too(coderl: Callable[..., Any], tmp_path: Path) -> None:
    row = {"task_id": "x/1", "prompt": "Double.", "fn_name": "double", "inputs": [[2]], "outputs": [4]}
    (tmp_path / "row.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "program.py").write_text("def double(n):\n    return 2 * n\n")
    run = coderl("judge", "--problem", tmp_path / "row.jsonl", "--program", tmp_path / "program.py", "--json")
    assert json.loads(run.out)["outcome"] == "passed"


def test_one_problem_of_several_is_named(coderl: Callable[..., Any], tmp_path: Path, program_file: Path) -> None:
    problems = [replace(DOUBLE, id=f"test/{name}") for name in ("one", "two")]
    file = tmp_path / "several.jsonl"
    file.write_text("\n".join(json.dumps(problem.to_dict()) for problem in problems) + "\n\n")
    assert read_problem(file, "test/two") == problems[1]
    run = coderl("judge", "--problem", file, "--program", program_file)
    assert run.status == 2
    assert "holds 2 problems; say which with --id, such as --id test/one" in run.err
    run = coderl("judge", "--problem", file, "--program", program_file, "--id", "test/tow")
    assert run.status == 2
    assert "did you mean 'test/two'" in run.err


def test_integers_of_any_length_are_read(tmp_path: Path) -> None:
    text = json.dumps(replace(DOUBLE, tests=(CallCase((1,), 2),), entry_point="f").to_dict())
    (tmp_path / "p.json").write_text(text.replace('"expected": 2', f'"expected": {"7" * 5000}'))
    (case,) = read_problem(tmp_path / "p.json").tests
    assert isinstance(case, CallCase)
    assert case.expected == 7 * (10**5000 - 1) // 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("{", "not valid JSON"),
        ("[1, 2]", "must hold a JSON object, not list"),
        ('{"a": 1}\n{"b"\n', "line 2 is not valid JSON"),
        (
            '{"id": "x", "statement": "s", "tests": [{"type": "stdio", "stdin": 3, "expected": ""}]}',
            "stdin must be a string",
        ),
        ('{"id": "x", "statement": "s", "tests": [{"type": "stdin"}]}', '"type" one of'),
        ('{"id": "x", "statement": "s", "tests": []}', "no tests"),
        ('{"id": "x", "statement": "s", "tests": [], "colour": 1}', "colour"),
        ('{"title": "x"}', "no problem"),
    ],
)
def test_an_unusable_problem_is_one_sentence(
    coderl: Callable[..., Any], tmp_path: Path, program_file: Path, text: str, message: str
) -> None:
    (tmp_path / "bad.json").write_text(text)
    run = coderl("judge", "--problem", tmp_path / "bad.json", "--program", program_file, "--json")
    assert run.status == 2
    assert message in run.err
    assert run.err.count("\n") == 1
    assert run.out == ""


def test_missing_files_are_named(
    coderl: Callable[..., Any], problem_file: Path, program_file: Path, tmp_path: Path
) -> None:
    none = tmp_path / "none"
    run = coderl("judge", "--problem", none, "--program", program_file)
    assert (run.status, f"no problem file {none}" in run.err) == (2, True)
    run = coderl("judge", "--problem", problem_file, "--program", none)
    assert (run.status, f"no program file {none}" in run.err) == (2, True)
    run = coderl("judge", "--problem", "-", "--program", "-")
    assert (run.status, "cannot both be standard input" in run.err) == (2, True)


def test_a_file_that_may_not_be_read_is_told(
    coderl: Callable[..., Any], problem_file: Path, program_file: Path
) -> None:
    program_file.chmod(0)
    if os.access(program_file, os.R_OK):
        pytest.skip("this user reads everything")
    run = coderl("judge", "--problem", problem_file, "--program", program_file)
    assert run.status == 2
    assert "check the permissions" in run.err


@pytest.mark.parametrize("option", ["--isolation", "--comparator"])
def test_an_unknown_choice_names_the_valid_ones(
    coderl: Callable[..., Any], problem_file: Path, program_file: Path, option: str
) -> None:
    run = coderl("judge", "--problem", problem_file, "--program", program_file, option, "nnoe")
    assert run.status == 2
    assert "'nnoe'; valid are" in run.err


def test_a_tier_that_is_not_to_be_had_says_what_to_type(
    coderl: Callable[..., Any], problem_file: Path, program_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import coderl_env.judge.worker as worker

    def unavailable(*_: object, **__: object) -> None:
        raise worker.UnavailableTier("no user namespaces here")

    monkeypatch.setattr(worker, "Zygote", unavailable)
    run = coderl("judge", "--problem", problem_file, "--program", program_file)
    assert run.status == 2
    assert "no user namespaces here" in run.err
    assert "--isolation none" in run.err
    assert run.err.count("\n") == 1


def test_programs_are_read_as_python_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "p.py"
    file.write_bytes(b"\xef\xbb\xbfprint('\xff')\r\n")
    assert read_program(file) == "print('\udcff')\r\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"print(1)")))
    assert read_program(Path("-")) == "print(1)"
