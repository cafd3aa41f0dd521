"""Fetching into the cache, with a stand-in for the network."""

import gzip
import json
import sys
from pathlib import Path

import pytest

from coderl_env.datasets import DatasetError, fetch, load_dataset
from coderl_env.datasets.fetch import SOURCES, Source

ROW = json.dumps({"id": 0, "question": "Q", "input_output": json.dumps({"inputs": ["1"], "outputs": ["1"]})}) + "\n"


def test_files_land_whole_and_load(tmp_path: Path) -> None:
    asked = []

    def download(source: Source, folder: Path) -> Path:
        asked.append(source)
        (folder / "got").write_text(ROW)
        return folder / "got"

    folder = fetch("apps", tmp_path, download)
    assert [source.file for source in asked] == ["train.jsonl", "test.jsonl"]
    assert all(source.revision for source in asked)
    assert sorted(path.name for path in folder.iterdir()) == ["test.jsonl", "train.jsonl"]
    assert load_dataset("apps", "test", folder).get("apps/test/0000").statement == "Q"
    fetch("apps", tmp_path, download)
    assert len(asked) == 2, "what is there is not fetched again"


def test_packed_files_are_unpacked(tmp_path: Path) -> None:
    def download(source: Source, folder: Path) -> Path:
        (folder / "got.gz").write_bytes(gzip.compress(ROW.encode()))
        return folder / "got.gz"

    assert (fetch("humaneval", tmp_path, download) / "humaneval.jsonl").read_text() == ROW


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"<html>", "not valid JSON"), (b"\xff", "not UTF-8"), (None, "cannot fetch mbpp")],
)
def test_what_is_no_data_never_reaches_the_cache(tmp_path: Path, content: bytes | None, message: str) -> None:
    def download(source: Source, folder: Path) -> Path:
        if content is None:
            raise ConnectionError("no route to host")
        (folder / "got").write_bytes(content)
        return folder / "got"

    with pytest.raises(DatasetError, match=message):
        fetch("mbpp", tmp_path, download)
    assert list((tmp_path / "mbpp").iterdir()) == []


def test_broken_archives_are_named(tmp_path: Path) -> None:
    def download(source: Source, folder: Path) -> Path:
        (folder / "got.gz").write_bytes(gzip.compress(ROW.encode())[:-10])
        return folder / "got.gz"

    with pytest.raises(DatasetError, match="cannot fetch humaneval"):
        fetch("humaneval", tmp_path, download)


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DatasetError, match="pip install 'coderl-env\\[hub\\]'"):
        fetch("apps", tmp_path)


def test_unknown_names_and_unusable_caches_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown data set to fetch 'ap'.*apps"):
        fetch("ap", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot fetch apps into"):
        fetch("apps", tmp_path / "file")
    assert set(SOURCES) == {"apps", "mbpp", "humaneval"}
