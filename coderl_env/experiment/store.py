"""The store of every program that a run judged: one SQLite file, one writer, any number of readers.

The schema carries a version; a file of another version is refused, never guessed at. Rows are identified by (stage,
step, task id, sample index), so what is added again after a resume replaces itself and is counted once.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coderl_env.experiment.database import open_database, storable_text, system_errors

__all__ = ["STORE_VERSION", "Sample", "SampleStore"]

STORE_VERSION = 1
_KIND = "sample store"

_SCHEMA = """
CREATE TABLE samples (
    stage TEXT NOT NULL,
    step INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    sample_index INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reward REAL NOT NULL,
    program TEXT NOT NULL,
    judgement TEXT,
    UNIQUE (stage, step, task_id, sample_index)
);
CREATE INDEX samples_by_outcome ON samples (stage, outcome);
"""
_COLUMNS = "stage, step, task_id, sample_index, program, judgement, reward, outcome"


@dataclass(frozen=True, slots=True)
class Sample:
    """A judged program.

    Attributes:
        stage: the stage that drew it, such as `rl` or an evaluation's row name.
        step: step of that stage.
        task_id: the problem's id.
        sample_index: number of the sample among those of the same stage, step and problem.
        program: the program's text.
        judgement: `Judgement.to_dict()`.
        reward: the return of the episode.
        outcome: value of the `Outcome`.
    """

    stage: str
    step: int
    task_id: str
    sample_index: int
    program: str
    judgement: dict[str, Any] | None
    reward: float
    outcome: str


class SampleStore:
    """The samples of a run.

    Args:
        path: the SQLite file; created unless `read_only`.
        read_only: open an existing file for reading.

    Raises:
        ValueError: the file is no sample store, or one of another version.
        OSError: the file cannot be opened or created.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._connection = open_database(self.path, _KIND, STORE_VERSION, _SCHEMA, read_only=read_only)

    def add(self, samples: Iterable[Sample]) -> None:
        """Write samples in one transaction: all of them or none.

        Raises:
            ValueError: two of them have the same stage, step, task id and sample index, or a reward is not finite.
            OSError: the file cannot be written, for example because the disk is full.
        """
        rows = [_to_row(sample) for sample in samples]
        if len({row[:4] for row in rows}) != len(rows):
            raise ValueError(
                "two samples have the same stage, step, task id and index; number repeated draws of a task"
            )
        statement = f"INSERT OR REPLACE INTO samples ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        with self._lock, system_errors(_KIND, self.path), self._connection:
            self._connection.executemany(statement, rows)

    def count(self, stage: str | None = None) -> int:
        """Return the number of samples, of one stage or of all."""
        return sum(self.outcomes(stage).values())

    def outcomes(self, stage: str | None = None) -> dict[str, int]:
        """Return how many samples had each outcome, of one stage or of all; read from an index, without the rows."""
        condition, values = _where(stage)
        query = f"SELECT outcome, count(*) FROM samples {condition} GROUP BY outcome"
        with self._lock:
            return dict(self._connection.execute(query, values).fetchall())

    def stages(self) -> list[str]:
        """Return the names of the stages that have samples, sorted."""
        with self._lock:
            return [row[0] for row in self._connection.execute("SELECT DISTINCT stage FROM samples ORDER BY stage")]

    def outcome_rows(self, stage: str) -> list[tuple[str, int, str]]:
        """Return task id, sample index and outcome of one stage's samples, sorted; texts are not read."""
        query = (
            "SELECT task_id, sample_index, outcome FROM samples WHERE stage = ? ORDER BY task_id, step, sample_index"
        )
        with self._lock:
            return self._connection.execute(query, (stage,)).fetchall()

    def rows(self, stage: str | None = None) -> Iterator[Sample]:
        """Yield the samples of one stage or of all, ordered by their key, with one page of them in memory at a time."""
        condition, values = _where(stage)
        query = f"SELECT {_COLUMNS} FROM samples {condition} ORDER BY stage, step, task_id, sample_index"
        cursor = self._connection.cursor()
        with self._lock:
            cursor.execute(query, values)
        while True:
            with self._lock:
                page = cursor.fetchmany(1000)
            if not page:
                return
            yield from map(_from_row, page)

    def close(self) -> None:
        """Close the file; calling it twice is legal."""
        self._connection.close()

    def __enter__(self) -> SampleStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _where(stage: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if stage is None else ("WHERE stage = ?", (stage,))


def _to_row(sample: Sample) -> tuple[Any, ...]:
    if not math.isfinite(sample.reward):
        raise ValueError(f"the reward of a program for {sample.task_id} is {sample.reward}; rewards are finite numbers")
    judgement = None if sample.judgement is None else json.dumps(sample.judgement, separators=(",", ":"))
    key = (sample.stage, sample.step, sample.task_id, sample.sample_index)
    return (*key, storable_text(sample.program), judgement, sample.reward, sample.outcome)


def _from_row(row: tuple[Any, ...]) -> Sample:
    stage, step, task_id, sample_index, program, judgement, reward, outcome = row
    decoded = None if judgement is None else json.loads(judgement)
    return Sample(stage, step, task_id, sample_index, program, decoded, reward, outcome)
