"""The sample store: nothing lost, nothing twice, other files refused."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from coderl_env.experiment.store import STORE_VERSION, Sample, SampleStore

SAMPLE = Sample(
    stage="rl",
    step=3,
    task_id="synth/train/1/0",
    sample_index=0,
    program="print('\u00e4')\n",
    judgement={"outcome": "passed", "cases": []},
    reward=1.0,
    outcome="passed",
)


def test_samples_come_back_equal_and_in_order(tmp_path: Path) -> None:
    samples = [
        replace(
            SAMPLE, step=step, sample_index=index, reward=float(index), judgement=None if index else {"a": [1, None]}
        )
        for step in (2, 1)
        for index in (1, 0)
    ]
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add(samples)
    with SampleStore(tmp_path / "s.sqlite") as store:
        assert list(store.rows()) == samples[::-1]
        assert store.count() == 4


def test_a_resumed_step_is_counted_once(tmp_path: Path) -> None:
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add([SAMPLE])
        store.add([replace(SAMPLE, program="print(2)", outcome="failed_test", reward=-0.3)])
        assert store.count() == 1
        assert [row.program for row in store.rows()] == ["print(2)"]


def test_two_samples_with_one_key_are_refused_whole(tmp_path: Path) -> None:
    with SampleStore(tmp_path / "s.sqlite") as store:
        with pytest.raises(ValueError, match="same stage"):
            store.add([SAMPLE, SAMPLE])
        assert store.count() == 0


def test_outcomes_and_rows_by_stage(tmp_path: Path) -> None:
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add([SAMPLE, replace(SAMPLE, sample_index=1, outcome="failed_test"), replace(SAMPLE, stage="warm_start")])
        assert store.outcomes() == {"failed_test": 1, "passed": 2}
        assert store.outcomes("rl") == {"failed_test": 1, "passed": 1}
        assert store.stages() == ["rl", "warm_start"]
        assert [row.stage for row in store.rows("warm_start")] == ["warm_start"]
        assert store.count("rl") == 2


def test_more_rows_than_a_page_are_all_read(tmp_path: Path) -> None:
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add(replace(SAMPLE, sample_index=index) for index in range(2500))
        assert [row.sample_index for row in store.rows()] == list(range(2500))


@pytest.mark.parametrize("program", ["\ud800 lone surrogate", "a\x00b", "\U0001f600", ""])
def test_any_program_can_be_stored(tmp_path: Path, program: str) -> None:
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add([replace(SAMPLE, program=program)])
        (row,) = store.rows()
        assert row.program == program.encode("utf-8", "backslashreplace").decode()


def test_readers_see_what_a_writer_has_committed(tmp_path: Path) -> None:
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add([SAMPLE])
        with SampleStore(tmp_path / "s.sqlite", read_only=True) as reader:
            assert reader.count() == 1
            store.add([replace(SAMPLE, sample_index=1)])
            assert reader.count() == 2


def test_a_reader_cannot_write_or_create(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.sqlite"):
        SampleStore(tmp_path / "none.sqlite", read_only=True)
    assert list(tmp_path.iterdir()) == []
    SampleStore(tmp_path / "s.sqlite").close()
    with SampleStore(tmp_path / "s.sqlite", read_only=True) as reader:
        with pytest.raises(OSError, match="readonly") as caught:
            reader.add([SAMPLE])
        assert caught.value.errno == errno.EROFS


def test_a_full_disk_is_told_as_such_and_loses_nothing(tmp_path: Path) -> None:
    """SQLite's own page limit stands for the disk; the error is the same."""
    with SampleStore(tmp_path / "s.sqlite") as store:
        store.add([SAMPLE])
        store._connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(OSError, match="full") as caught:
            store.add(replace(SAMPLE, step=step, program="x" * 1000) for step in range(100, 400))
        assert caught.value.errno == errno.ENOSPC
        assert list(store.rows()) == [SAMPLE]


def test_another_version_is_refused_by_number(tmp_path: Path) -> None:
    SampleStore(tmp_path / "s.sqlite").close()
    connection = sqlite3.connect(tmp_path / "s.sqlite")
    connection.execute(f"PRAGMA user_version = {STORE_VERSION + 1}")
    connection.close()
    with pytest.raises(ValueError, match=f"version {STORE_VERSION + 1}, this coderl-env reads version {STORE_VERSION}"):
        SampleStore(tmp_path / "s.sqlite")


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "s.sqlite"
    file.write_text("this is no database, but a long enough text to look at\n" * 50)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="no sample store"):
        SampleStore(file)
    assert file.read_bytes() == before
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE something (x)")
    other.close()
    with pytest.raises(ValueError, match="version 0"):
        SampleStore(tmp_path / "other.sqlite")


def test_a_killed_writer_loses_no_finished_add(tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from coderl_env.experiment.store import Sample, SampleStore
store = SampleStore(Path({str(tmp_path / "s.sqlite")!r}))
for step in range(20):
    store.add([Sample("rl", step, "t", i, "p", None, 0.0, "passed") for i in range(5)])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == -9
    with SampleStore(tmp_path / "s.sqlite") as store:
        assert store.count() == 100
