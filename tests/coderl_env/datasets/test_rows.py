"""Reading JSON Lines: places in messages, and integers of any length."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coderl_env.datasets import DatasetError
from coderl_env.datasets.rows import Row, parse_integer, parse_json, read_rows, shown


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=9000), st.booleans())
@settings(max_examples=40, deadline=None)
def test_parse_integer_equals_arithmetic(head: int, zeros: int, negative: bool) -> None:
    sign = -1 if negative else 1
    text = ("-" if negative else "") + str(head) + "0" * zeros
    assert parse_integer(text) == sign * head * 10**zeros


def test_long_integers_parse_without_changing_the_process() -> None:
    before = sys.get_int_max_str_digits()
    value = parse_json('{"n": [1%s]}' % ("0" * 20000))
    assert value == {"n": [10**20000]}
    assert sys.get_int_max_str_digits() == before
    with pytest.raises(ValueError, match="Exceeds the limit"):
        int("1" * 20000)


def test_rows_know_their_line_and_skip_blank_ones(tmp_path: Path) -> None:
    rows = list(read_rows(write(tmp_path / "a.jsonl", '{"x": 1}\n\n{"x": 2}\n')))
    assert [row.fields["x"] for row in rows] == [1, 2]
    assert rows[1].where == f"{tmp_path / 'a.jsonl'}, line 3"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"x": 1', "not valid JSON"),
        ("[1, 2]", "must be a JSON object, not \\[1, 2\\]"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "a.jsonl", '{"x": 1}\n' + line + "\n")
    with pytest.raises(DatasetError, match=f"a.jsonl, line 2: .*{message}") as raised:
        list(read_rows(path))
    assert len(str(raised.value)) < 500


def test_files_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="not UTF-8"):
        list(read_rows(tmp_path / "a.jsonl"))
    with pytest.raises(DatasetError, match="cannot read"):
        list(read_rows(tmp_path / "missing.jsonl"))


def test_fields_are_checked() -> None:
    row = Row({"a": "text", "n": 5, "l": '["x", "y"]', "e": "", "bad": "{", "mixed": ["x", 1]}, "here")
    assert row.text("missing", "a") == "text"
    assert row.texts("l") == ("x", "y")
    assert row.texts("e") == row.texts("missing") == ()
    for call, message in [
        (lambda: row.text("missing", "other"), "'missing' or 'other' is missing"),
        (lambda: row.text("n"), "'n' must be a string, not 5"),
        (lambda: row.embedded("bad"), "'bad' is not valid JSON"),
        (lambda: row.texts("mixed"), "'mixed' must hold strings, not 1"),
        (lambda: row.texts("n"), "'n' must be a list of strings"),
    ]:
        with pytest.raises(DatasetError, match=f"here: .*{message}"):
            call()


def test_shown_survives_any_value() -> None:
    assert shown("x" * 100).endswith("...")
    assert "bits" in shown(10**20000)
    assert shown([10**20000]) == "a list"
