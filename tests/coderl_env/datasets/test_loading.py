"""load_dataset on every layout, built here, and its errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from coderl_env.datasets import Dataset, DatasetError, load_dataset
from coderl_env.problem import AssertCase, CallCase, StdioCase

STDIN = {"inputs": ["1\n", ["2", ""]], "outputs": ["2\n", ["4", ""]]}
CALLS = {"fn_name": "twice", "inputs": [[1], [2]], "outputs": [[2], [4]]}


def hub_row(number: int, tests: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "question": "Double the number.",
        "solutions": json.dumps(["print(2 * int(input()))"]),
        "input_output": "" if tests is None else json.dumps(tests),
        "difficulty": "introductory",
        "url": "https://example.org/p",
        "starter_code": "",
    } | fields


def plain_row(task_id: str, **fields: Any) -> dict[str, Any]:
    return {"task_id": task_id, "prompt": "Double it.", "fn_name": None, **STDIN} | fields


def write_rows(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_problem(folder: Path, tests: dict[str, Any] | None, **files: str) -> None:
    folder.mkdir(parents=True)
    (folder / "question.txt").write_text("Double the number.\r\n", encoding="utf-8", newline="")
    (folder / "metadata.json").write_text(json.dumps({"difficulty": "interview", "url": "https://example.org"}))
    if tests is not None:
        (folder / "input_output.json").write_text(json.dumps(tests))
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """The original APPS layout: four problems in train, one in test."""
    train = tmp_path / "APPS" / "train"
    write_problem(train / "0000", STDIN, solutions__json=json.dumps(["print(2 * int(input()))"]))
    write_problem(train / "0001", CALLS, starter_code__py="def twice(n):\n\t", solutions__json="[]")
    write_problem(train / "0002", None)
    write_problem(train / "0010", {}, solutions__json="")
    (train / "notes.txt").write_text("not a problem")
    write_problem(tmp_path / "APPS" / "test" / "0000", STDIN)
    return tmp_path / "APPS"


@pytest.mark.parametrize("place", [".", "..", "train"])
def test_original_folders_load_from_any_level(original: Path, place: str) -> None:
    dataset = load_dataset("apps", "train", original / place)
    assert (dataset.name, dataset.split, dataset.size, dataset.skipped) == ("apps", "train", 2, 2)
    first, second = dataset
    assert first.id == "apps/train/0000"
    assert first.statement == "Double the number.\r\n"
    assert first.tests == (StdioCase("1\n", "2\n"), StdioCase("2\n", "4\n"))
    assert first.solutions == ("print(2 * int(input()))",)
    assert (first.difficulty, first.source, first.starter_code) == ("interview", "https://example.org", "")
    assert second.tests == (CallCase((1,), 2), CallCase((2,), 4))
    assert (second.entry_point, second.starter_code) == ("twice", "def twice(n):\n\t")


def test_a_split_folder_is_not_taken_for_the_other(original: Path) -> None:
    with pytest.raises(DatasetError, match="holds the split 'train', not 'test'"):
        load_dataset("apps", "test", original / "train")
    assert load_dataset("apps", "test", original).size == 1


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("input_output.json", "{", "input_output.json is not valid JSON"),
        ("input_output.json", "[1]", "'input_output' must be an object"),
        ("input_output.json", json.dumps({"inputs": [1], "outputs": ["1"]}), "input 0 must be a string"),
        ("solutions.json", json.dumps({"a": 1}), "'solutions' must be a list of strings"),
        ("metadata.json", "[]", "metadata.json must hold a JSON object"),
    ],
)
def test_malformed_folders_are_named(original: Path, file: str, content: str, message: str) -> None:
    (original / "train" / "0001" / file).write_text(content)
    with pytest.raises(DatasetError, match=message) as raised:
        load_dataset("apps", "train", original)
    assert "0001" in str(raised.value)


def test_hub_rows_load(tmp_path: Path) -> None:
    big = 10**6000
    huge = json.dumps({"fn_name": "power", "inputs": [[6000]], "outputs": ["?"]}).replace('"?"', "1" + "0" * 6000)
    path = write_rows(
        tmp_path / "train.jsonl",
        hub_row(0, STDIN),
        hub_row(7, CALLS, starter_code="def twice(n):\n\t", solutions=""),
        hub_row(8, None),
        {**hub_row(9, None), "input_output": huge, "problem_id": 9},
    )
    dataset = load_dataset("apps", "train", tmp_path)
    assert [problem.id for problem in dataset] == ["apps/train/0000", "apps/train/0007", "apps/train/0009"]
    assert dataset.skipped == 1
    assert dataset.get("apps/train/0007").solutions == ()
    assert dataset.get("apps/train/0009").tests == (CallCase((6000,), big),)
    assert list(load_dataset("apps", "train", path)) == list(dataset)
    with pytest.raises(DatasetError, match="holds the split 'train', not 'test'"):
        load_dataset("apps", "test", path)


def test_plain_rows_load_the_split_they_name(tmp_path: Path) -> None:
    limits = {"cpu_seconds": 1.0}
    write_rows(
        tmp_path / "mine.jsonl",
        plain_row("apps/train/1", split="train", difficulty="easy", limits=limits, comparator="floats"),
        plain_row("apps/train/2", split="train", difficulty="hard", checker="def check(a, b, c): return True"),
        plain_row("apps/test/3", split="test"),
        plain_row("apps/train/4", split="train", inputs=None, outputs=None),
    )
    train = load_dataset("apps", "train", tmp_path)
    assert (train.size, train.skipped) == (2, 1)
    assert train.get("apps/train/1").limits is not None
    assert train.get("apps/train/2").checker == "def check(a, b, c): return True"
    assert [problem.id for problem in load_dataset("apps", "test", tmp_path)] == ["apps/test/3"]
    assert [problem.id for problem in load_dataset("apps", "train", tmp_path, ["hard"])] == ["apps/train/2"]
    with pytest.raises(ValueError, match="unknown difficulty of apps/train 'hrad'; did you mean 'hard'"):
        load_dataset("apps", "train", tmp_path, ["hrad"])


def test_files_without_the_split_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "mine.jsonl", plain_row("a/1", split="train"), plain_row("a/2", split="train"))
    with pytest.raises(DatasetError, match=r"no data for apps/test in .*mine.jsonl, which holds 'train' \(2 rows\)"):
        load_dataset("apps", "test", tmp_path)


def test_files_that_hold_no_problems_are_passed_over(tmp_path: Path) -> None:
    write_rows(tmp_path / "examples.jsonl", {"task_id": "apps/test/1", "split": "test", "prompt": None})
    write_rows(tmp_path / "problems.jsonl", plain_row("apps/test/1", split="test"))
    assert load_dataset("apps", "test", tmp_path).size == 1


def test_other_origins_keep_their_name(tmp_path: Path) -> None:
    rows = [plain_row("leetcode/a", split="train"), plain_row("mine/a", split="train"), plain_row("b", split="train")]
    for count, name in ((1, "leetcode"), (2, "leetcode+mine"), (3, "apps")):
        path = write_rows(tmp_path / "x.jsonl", *rows[:count])
        assert load_dataset("apps", "train", path).name == name


def test_a_folder_of_several_data_sets_serves_only_what_bears_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CODERL_DATA", str(tmp_path))
    write_rows(tmp_path / "leetcode.jsonl", plain_row("leetcode/a", split="train"))
    write_rows(tmp_path / "train.jsonl", plain_row("other/a", split="train"))
    with pytest.raises(DatasetError, match="holds no such data"):
        load_dataset("apps", "train")
    write_rows(tmp_path / "APPS.jsonl", plain_row("apps/a", split="train"))
    assert [problem.id for problem in load_dataset("apps", "train")] == ["apps/a"]


def test_preambles_stand_in_front_of_starter_code_and_solutions(tmp_path: Path) -> None:
    row = plain_row(
        "leetcode/twice",
        fn_name="twice",
        entry_point="Solution().twice",
        starter_code="class Solution:\n    def twice(self, n: int) -> List[int]:",
        solutions=["class Solution:\n    def twice(self, n):\n        return [2 * n]\n"],
        inputs=[[1]],
        outputs=[[2]],
        preamble=3,
    )
    check = "def check(candidate):\n    assert same(candidate(1), [2])\n"
    path = write_rows(tmp_path / "x.jsonl", row, row | {"task_id": "leetcode/b", "inputs": None, "test": check})
    with pytest.raises(DatasetError, match="no text for preamble 3"):
        load_dataset("apps", "train", path)
    (tmp_path / "x_preambles.json").write_text(json.dumps({"3": "from typing import *\n"}))
    first, second = load_dataset("apps", "train", path)
    assert first.starter_code.startswith("from typing import *\nclass Solution:")
    assert first.solutions[0].startswith("from typing import *\nclass Solution:")
    assert first.tests == (CallCase((1,), [2]),)
    assert first.entry_point == "twice"
    assert second.tests == (AssertCase("from typing import *\nassert same(Solution().twice(1), [2])\n"),)


def test_mbpp_rows_load(tmp_path: Path) -> None:
    row = {
        "task_id": 700,
        "text": "Write a function to double a number.",
        "code": "def twice(n):\r\n    return 2 * n",
        "test_list": ["assert twice(1) == 2", "assert twice(2) == 4", "assert twice(0) == 0", "assert twice(-1) == -2"],
        "test_setup_code": "a = 1\r\n",
        "challenge_test_list": ["assert twice(9) == 18"],
    }
    path = write_rows(tmp_path / "mbpp.jsonl", row, row | {"task_id": 3}, row | {"task_id": 5, "test_setup_code": ""})
    (problem,) = load_dataset("mbpp", "train", path)
    assert problem.id == "mbpp/700"
    assert problem.statement == (
        "Write a function to double a number.\nYour code should satisfy these tests:\n"
        "assert twice(1) == 2\nassert twice(2) == 4\nassert twice(0) == 0\n"
    )
    assert problem.tests[0] == AssertCase("a = 1\nassert twice(1) == 2\n")
    assert (len(problem.tests), len(problem.examples), problem.entry_point) == (4, 3, "twice")
    assert [problem.id for problem in load_dataset("mbpp", "prompt", tmp_path)] == ["mbpp/3", "mbpp/5"]


def test_humaneval_rows_load(tmp_path: Path) -> None:
    prompt = 'def twice(n):\n    """Double n.\n    >>> twice(2)\n    4\n    """\n'
    row = {
        "task_id": "HumanEval/0",
        "prompt": prompt,
        "entry_point": "twice",
        "canonical_solution": "    return 2 * n\n",
        "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(0) == 0\n",
    }
    (problem,) = load_dataset("humaneval", "test", write_rows(tmp_path / "HumanEval.jsonl", row))
    assert problem.statement == problem.starter_code == prompt
    assert problem.solutions == (prompt + "    return 2 * n\n",)
    assert problem.tests == (AssertCase("assert twice(1) == 2\n"), AssertCase("assert twice(0) == 0\n"))
    assert problem.examples == (AssertCase("assert twice(2) == 4\n"),)


def test_problem_dicts_load(tmp_path: Path, original: Path) -> None:
    problems = list(load_dataset("apps", "train", original))
    path = write_rows(tmp_path / "dump.jsonl", *(problem.to_dict() for problem in problems))
    assert list(load_dataset("apps", "train", path)) == problems
    broken = problems[0].to_dict() | {"tests": [{"type": "stdio", "stdin": 1, "expected": ""}]}
    with pytest.raises(DatasetError, match=r"line 1: .*stdin must be a string"):
        load_dataset("apps", "train", write_rows(tmp_path / "broken.jsonl", broken))


def test_rows_of_another_data_set_are_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", plain_row("apps/1", split="test"))
    for name in ("mbpp", "humaneval"):
        with pytest.raises(DatasetError, match=f"line 1: this is no row of {name}"):
            load_dataset(name, "test", path)


def test_the_variable_and_the_cache_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, original: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CODERL_DATA", raising=False)
    with pytest.raises(DatasetError) as raised:
        load_dataset("apps", "train")
    message = str(raised.value)
    for part in (
        "data_dir= (not given)",
        "$CODERL_DATA (not set)",
        str(tmp_path / "cache"),
        "`coderl datasets fetch apps`",
    ):
        assert part in message
    write_rows(tmp_path / "cache" / "coderl_env" / "apps" / "train.jsonl", hub_row(0, STDIN))
    assert load_dataset("apps", "train").size == 1
    monkeypatch.setenv("CODERL_DATA", str(original.parent))
    assert load_dataset("apps", "train").size == 2
    monkeypatch.setenv("CODERL_DATA", str(tmp_path / "nowhere"))
    assert load_dataset("apps", "train").size == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("appz",), "unknown data set 'appz'; did you mean 'apps'"),
        (("apps", "trian"), "unknown split of apps 'trian'; did you mean 'train'"),
        (("apps", "train", "/nowhere/at/all"), "data_dir /nowhere/at/all does not exist; `coderl datasets fetch apps`"),
        (("apps", "sample", "."), "apps/sample is part of the package and takes no data_dir"),
        (("synth", "train", "."), "synth/train is generated and takes no data_dir"),
        (("synth", "train", None, ["6"]), "unknown level"),
        (("apps", "sample", None, "interview"), "difficulties must be a list"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_dataset(*arguments)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"looked for apps/, train/NNNN/question.txt, .*train.jsonl"):
        load_dataset("apps", "train", tmp_path)


def test_synth_takes_levels() -> None:
    dataset = load_dataset("synth", difficulties=["2"])
    assert isinstance(dataset, Dataset)
    assert (dataset.name, dataset.split, dataset.size) == ("synth", "train", -1)
    assert next(iter(dataset)).difficulty == "2"
