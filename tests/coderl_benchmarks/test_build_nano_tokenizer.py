"""The script that builds the nano tokenizer: the same file every time, written whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from coderl_benchmarks import build_nano_tokenizer
from coderl_benchmarks.build_nano_tokenizer import _phrase_merges, build, main


def test_two_builds_agree_and_load() -> None:
    text = build(problems=100)
    assert build(problems=100) == text
    tokenizer = Tokenizer.from_str(text)
    assert tokenizer.decode(tokenizer.encode("a = [x for x in a]\n").ids) == "a = [x for x in a]\n"


def test_main_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_nano_tokenizer, "build", lambda problems: f"{problems} problems\n")
    path = tmp_path / "tokenizer.json"
    assert main(["--out", str(path), "--problems", "3"]) == 0
    assert path.read_text(encoding="utf-8") == "3 problems\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["tokenizer.json"]


def test_phrases_are_merged_by_frequency() -> None:
    chunks = Counter({("a", " b", " c"): 90, ("a", " b"): 30, (" c", " d"): 50, ("x", " y"): 3})
    assert list(_phrase_merges(chunks, {"a", " b", " c", " d", "x", " y"}, 10)) == [
        ("a", " b"),
        ("a b", " c"),
        (" c", " d"),
    ]
    assert list(_phrase_merges(chunks, set(), 1)) == [("a", " b")]
