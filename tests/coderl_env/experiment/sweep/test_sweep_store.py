"""The sweep's store: nothing twice, counts without texts, other files refused."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from coderl_env.experiment.sweep.records import GREEDY, Cell, Metric, StoredSample, TaskCount
from coderl_env.experiment.sweep.store import SWEEP_STORE_VERSION, SweepStore
from coderl_env.outcome import Outcome

CELL = Cell(0, "a/seed0", "a", "random", "CodeRL-Synth-v0", {"agent": "random"}, 0)
SAMPLE = StoredSample("rl", 0, "t/1", 0, "easy", Outcome.PASSED, 1.0, None, "print(1)\n", {"outcome": "passed"})
FAILED = replace(SAMPLE, outcome=Outcome.FAILED_TEST, reward=-0.3, judgement={"outcome": "failed_test"})


def _store(tmp_path: Path) -> SweepStore:
    store = SweepStore(tmp_path)
    store.put_cells([CELL, replace(CELL, cell=1, name="a/seed1", seed=1)])
    return store


def test_cells_come_back_equal(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        store.describe({"name": "s", "config": {"seeds": [0, 1]}})
        store.set_status(0, "done", seconds=2.5, provenance={"isolation": "strict"})
        store.set_status(1, "failed", error="it raised")
    with SweepStore(tmp_path / "sweep.sqlite", read_only=True) as store:
        first, second = store.cells()
        assert first == replace(CELL, status="done", seconds=2.5, provenance={"isolation": "strict"})
        assert (second.status, second.error, second.seconds) == ("failed", "it raised", None)
        assert store.about() == {"name": "s", "config": {"seeds": [0, 1]}}


def test_a_status_keeps_seconds_and_provenance_that_are_not_given(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        store.set_status(0, "done", seconds=1.0, provenance={"a": 1})
        store.set_status(0, "running")
        assert (store.cells()[0].seconds, store.cells()[0].provenance) == (1.0, {"a": 1})
        with pytest.raises(ValueError, match="did you mean 'running'"):
            store.set_status(0, "runing")


def test_two_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        with pytest.raises(ValueError, match="'a/seed0'"):
            store.put_cells([replace(CELL, cell=5)])
        with pytest.raises(ValueError, match="'b'"):
            store.put_cells([replace(CELL, cell=7, name="b"), replace(CELL, cell=8, name="b")])
        assert len(store.cells()) == 2


def test_samples_come_back_equal_in_order_and_once(tmp_path: Path) -> None:
    samples = [
        replace(SAMPLE, task_id=task, sample_index=index, passed_examples=bool(index))
        for task in ("t/1", "t/2")
        for index in (GREEDY, 0, 1)
    ]
    with _store(tmp_path) as store:
        store.add_samples(0, reversed(samples))
        store.add_samples(0, [replace(sample, program="another") for sample in samples])
        assert list(store.samples(0)) == samples
        assert list(store.samples(1)) == []


def test_equal_texts_are_stored_once(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        store.add_samples(0, [replace(SAMPLE, sample_index=index) for index in range(50)])
        store.add_samples(1, [SAMPLE])
    with sqlite3.connect(tmp_path / "sweep.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM programs").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM judgements").fetchone() == (1,)


@pytest.mark.parametrize("program", ["\ud800 lone surrogate", "a\x00b", "\U0001f600", ""])
def test_any_program_can_be_stored(tmp_path: Path, program: str) -> None:
    with _store(tmp_path) as store:
        store.add_samples(0, [replace(SAMPLE, program=program, judgement={"output": program})])
        (sample,) = store.samples(0)
        assert sample.program == program.encode("utf-8", "backslashreplace").decode()
        assert sample.judgement == {"output": program}


def test_counts_of_each_problem(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        store.add_samples(
            0,
            [
                replace(SAMPLE, sample_index=GREEDY),
                replace(SAMPLE, sample_index=0, passed_examples=True),
                replace(FAILED, sample_index=1, passed_examples=True),
                replace(FAILED, sample_index=2, passed_examples=False),
                replace(FAILED, task_id="t/0", difficulty="hard"),
                replace(FAILED, row="train/rl", step=4),
            ],
        )
        store.add_samples(1, [SAMPLE])
        easy, hard = (0, "rl", "easy", "t/1"), (0, "rl", "hard", "t/0")
        expected = [
            TaskCount(*easy, False, (0, 0, 2, 1), 2, 1),
            TaskCount(*easy, True, (0, 0, 0, 1), None, None),
            TaskCount(*hard, False, (0, 0, 1, 0), None, None),
        ]
        assert list(store.counts(0)) == expected
        assert [count.cell for count in store.counts()] == [0, 0, 0, 1]
        assert [count.row for count in store.counts(0, training=True)] == ["rl", "rl", "rl", "train/rl"]
        assert [count.samples for count in store.counts(0, "train/rl")] == [1]
        assert expected[0].passed == 1
        assert expected[0].samples == 3


def test_counts_never_touch_the_texts(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        store.add_samples(0, [SAMPLE])
    with sqlite3.connect(tmp_path / "sweep.sqlite") as connection:
        connection.execute("DROP TABLE programs")
        connection.execute("DROP TABLE judgements")
    with SweepStore(tmp_path) as store:
        assert [count.passed for count in store.counts()] == [1]
        plan = store._read("EXPLAIN QUERY PLAN SELECT row, difficulty, outcome FROM samples INDEXED BY samples_counted")
        assert "COVERING INDEX" in plan[0][3]


def test_rows_and_ranked(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        store.add_samples(0, [SAMPLE, replace(FAILED, sample_index=1), replace(SAMPLE, row="train/rl")])
        assert store.rows() == [(0, "rl")]
        assert store.rows(0, training=True) == [(0, "rl"), (0, "train/rl")]
        assert [sample.reward for sample in store.ranked(0, "rl", best=False, limit=1)] == [-0.3]
        assert [sample.reward for sample in store.ranked(0, "rl", best=True, limit=5)] == [1.0, -0.3]


def test_of_a_figure_the_later_value_counts(tmp_path: Path) -> None:
    first = Metric(0, "rl", 1, 0.5, "reward", 0.1)
    nan = replace(first, step=2, value=float("nan"))
    with _store(tmp_path) as store:
        store.add_metrics([first, nan])
        store.add_metrics([replace(first, value=0.2), replace(first, name="loss")])
        assert list(store.metrics(0, "rl", "reward")) == [replace(first, value=0.2), replace(nan, value=None)]
        assert [metric.name for metric in store.metrics()] == ["loss", "reward", "reward"]


def test_a_cell_that_is_cleared_has_nothing(tmp_path: Path) -> None:
    with _store(tmp_path) as store:
        for cell in (0, 1):
            store.add_samples(cell, [SAMPLE])
            store.add_metrics([Metric(cell, "rl", 1, None, "reward", 0.1)])
        store.clear(0)
        assert (list(store.samples(0)), list(store.metrics(0))) == ([], [])
        assert (len(list(store.samples(1))), len(list(store.metrics(1)))) == (1, 1)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    _store(tmp_path).close()
    with sqlite3.connect(tmp_path / "sweep.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {SWEEP_STORE_VERSION + 1}")
    with pytest.raises(ValueError, match=f"version {SWEEP_STORE_VERSION + 1}"):
        SweepStore(tmp_path, read_only=True)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(ValueError, match="no sweep store"):
        SweepStore(tmp_path)
    with pytest.raises(OSError, match="unable to open"):
        SweepStore(tmp_path / "nowhere.sqlite", read_only=True)
