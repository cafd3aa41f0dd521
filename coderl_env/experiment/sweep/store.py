"""The store of a sweep: cells, metrics, samples and judgements of all of its runs in one SQLite file.

The file is `sweep.sqlite` in the sweep's folder: WAL mode, any number of readers beside one writer at a time, and a
version that is checked, never guessed at. Its tables:

    about       key, value (JSON): name of the sweep and its configuration
    cells       one row per run of the sweep, see `Cell`
    metrics     cell, stage, step, seconds, name, value: every figure of every step; value is null where not finite
    samples     one narrow row per judged program, see `StoredSample`; texts are kept apart
    programs    id, digest, text; equal texts are stored once
    judgements  id, digest, text: JSON of `Judgement.to_dict()`; equal ones are stored once

A sample is identified by (cell, row, step, task id, sample index), and one that is added again is ignored. `row` is
a row of the final table, such as `warm_start` or `rl`, or, for programs drawn while training, `train/` and the name of
the stage, such as `train/rl`. Sample index -1 is the greedy program of a row of the final table. Counts are read from
one index and never touch programs or judgements.

Everything read is frozen data of `coderl_env.experiment.sweep.records`. Long answers are iterators that hold a page in
memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from coderl_env.experiment.database import open_database, storable_text, system_errors
from coderl_env.experiment.sweep.records import STATUSES, TRAINING, Cell, Metric, StoredSample, TaskCount
from coderl_env.naming import unknown_name
from coderl_env.outcome import Outcome

__all__ = ["STORE_NAME", "SWEEP_STORE_VERSION", "SweepStore"]

SWEEP_STORE_VERSION = 1
STORE_NAME = "sweep.sqlite"

_KIND = "sweep store"
_PAGE = 1000
_BATCH = 2000
_OUTCOMES = tuple(Outcome)

_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cells (
    cell INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    variant TEXT NOT NULL,
    agent TEXT NOT NULL,
    env TEXT NOT NULL,
    settings TEXT NOT NULL,
    seed INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed')),
    error TEXT,
    seconds REAL,
    folder TEXT,
    provenance TEXT NOT NULL
);
CREATE TABLE metrics (
    cell INTEGER NOT NULL REFERENCES cells (cell),
    stage TEXT NOT NULL,
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    seconds REAL,
    value REAL,
    PRIMARY KEY (cell, stage, name, step)
) WITHOUT ROWID;
CREATE TABLE programs (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE judgements (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE samples (
    cell INTEGER NOT NULL REFERENCES cells (cell),
    row TEXT NOT NULL,
    step INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    sample_index INTEGER NOT NULL,
    difficulty TEXT,
    outcome INTEGER NOT NULL,
    reward REAL NOT NULL,
    passed_examples INTEGER,
    program INTEGER NOT NULL REFERENCES programs (id),
    judgement INTEGER REFERENCES judgements (id),
    PRIMARY KEY (cell, row, step, task_id, sample_index)
) WITHOUT ROWID;
CREATE INDEX samples_counted
    ON samples (cell, row, difficulty, task_id, (sample_index = -1), outcome, passed_examples);
CREATE INDEX samples_ranked ON samples (cell, row, reward);
"""
_CELL_COLUMNS = "cell, name, variant, agent, env, settings, seed, status, error, seconds, folder, provenance"
_SAMPLE_COLUMNS = "row, step, task_id, sample_index, difficulty, outcome, reward, passed_examples"


class SweepStore:
    """The store of a sweep; see the module's docstring. May be used from several threads.

    Args:
        path: the SQLite file, or the sweep's folder, in which it is `sweep.sqlite`; created unless `read_only`.
        read_only: open an existing file for reading.

    Raises:
        ValueError: the file is no sweep store, or one of another version.
        OSError: the file cannot be opened or created.
    """

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        path = Path(path)
        self.path = path / STORE_NAME if path.is_dir() else path
        self._lock = threading.Lock()
        self._connection = open_database(self.path, _KIND, SWEEP_STORE_VERSION, _SCHEMA, read_only=read_only)

    # What the sweep writes.

    def describe(self, about: Mapping[str, Any]) -> None:
        """Keep facts of the sweep as a whole, as JSON values; a fact of the same name is replaced."""
        rows = [(key, json.dumps(value)) for key, value in about.items()]
        self._write("INSERT OR REPLACE INTO about VALUES (?, ?)", rows)

    def put_cells(self, cells: Iterable[Cell]) -> None:
        """Write cells in one transaction; one of the same number is replaced.

        Raises:
            ValueError: two cells have the same name, or a status is unknown.
        """
        rows = [_cell_row(cell) for cell in cells]
        names = [row[1] for row in rows]
        known = {name: cell for cell, name in self._read("SELECT cell, name FROM cells")}
        for number, name in ((row[0], row[1]) for row in rows):
            if names.count(name) > 1 or known.get(name, number) != number:
                raise ValueError(f"two cells are called {name!r}; names are unique in a sweep")
        # Not OR REPLACE, which would remove the row, and with it what refers to it.
        updates = ", ".join(f"{name} = excluded.{name}" for name in _CELL_COLUMNS.split(", ")[1:])
        places = ", ".join("?" * len(_CELL_COLUMNS.split(", ")))
        self._write(
            f"INSERT INTO cells ({_CELL_COLUMNS}) VALUES ({places}) ON CONFLICT (cell) DO UPDATE SET {updates}", rows
        )

    def set_status(
        self,
        cell: int,
        status: str,
        *,
        error: str | None = None,
        seconds: float | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what became of a cell; `seconds` and `provenance` stay as they are where they are None."""
        _check_status(status)
        facts = None if provenance is None else json.dumps(dict(provenance))
        self._write(
            "UPDATE cells SET status = ?, error = ?, seconds = coalesce(?, seconds), "
            "provenance = coalesce(?, provenance) WHERE cell = ?",
            [(status, error, seconds, facts, cell)],
        )

    def add_metrics(self, metrics: Iterable[Metric]) -> None:
        """Write figures, a batch to a transaction; of a figure that is there already the later value counts."""
        statement = "INSERT OR REPLACE INTO metrics (cell, stage, step, seconds, name, value) VALUES (?, ?, ?, ?, ?, ?)"
        for batch in _batches(metrics):
            self._write(statement, [(m.cell, m.stage, m.step, m.seconds, m.name, _finite(m.value)) for m in batch])

    def add_samples(self, cell: int, samples: Iterable[StoredSample]) -> None:
        """Write samples, a batch to a transaction; those that are there already are ignored.

        Raises:
            OSError: the file cannot be written, for example because the disk is full; whole batches remain.
        """
        for batch in _batches(samples):
            programs = [storable_text(sample.program) for sample in batch]
            judgements = [
                None if sample.judgement is None else json.dumps(sample.judgement, separators=(",", ":"))
                for sample in batch
            ]
            with self._lock, system_errors(_KIND, self.path), self._connection:
                program_ids = self._keep("programs", programs)
                judgement_ids = self._keep("judgements", [text for text in judgements if text is not None])
                rows = [
                    (
                        cell,
                        *_sample_row(sample),
                        program_ids[program],
                        None if judgement is None else judgement_ids[judgement],
                    )
                    for sample, program, judgement in zip(batch, programs, judgements, strict=True)
                ]
                self._connection.executemany(
                    f"INSERT OR IGNORE INTO samples (cell, {_SAMPLE_COLUMNS}, program, judgement) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )

    def clear(self, cell: int) -> None:
        """Remove samples and metrics of a cell, which is about to be gathered anew; shared texts stay."""
        for table in ("samples", "metrics"):
            self._write(f"DELETE FROM {table} WHERE cell = ?", [(cell,)])

    # What reports read.

    def about(self) -> dict[str, Any]:
        """Return the facts of the sweep as a whole."""
        return {key: json.loads(value) for key, value in self._read("SELECT key, value FROM about")}

    def cells(self) -> list[Cell]:
        """Return all cells in their order."""
        return [_to_cell(row) for row in self._read(f"SELECT {_CELL_COLUMNS} FROM cells ORDER BY cell")]

    def rows(self, cell: int | None = None, *, training: bool = False) -> list[tuple[int, str]]:
        """Return pairs of cell and row that have samples; those of training stages only where asked for."""
        condition, values = _where(cell, None, training=training)
        return list(self._read(f"SELECT DISTINCT cell, row FROM samples {condition} ORDER BY cell, row", values))

    def counts(self, cell: int | None = None, row: str | None = None, *, training: bool = False) -> Iterator[TaskCount]:
        """Yield the counts of every problem, ordered by cell, row, difficulty and problem; greedy ones apart.

        Args:
            cell: of one cell only.
            row: of one row only.
            training: whether rows of training stages are counted too, where no row is asked for.
        """
        condition, values = _where(cell, row, training=training)
        sums = ", ".join(f"sum(outcome = {outcome.index})" for outcome in _OUTCOMES)
        query = (
            f"SELECT cell, row, difficulty, task_id, (sample_index = -1) AS greedy, {sums}, sum(passed_examples), "
            f"sum(passed_examples * (outcome = {Outcome.PASSED.index})) FROM samples INDEXED BY samples_counted "
            f"{condition} GROUP BY cell, row, difficulty, task_id, greedy"
        )
        return map(_to_count, self._pages(query, values))

    def metrics(self, cell: int | None = None, stage: str | None = None, name: str | None = None) -> Iterator[Metric]:
        """Yield figures ordered by cell, stage, name and step."""
        condition, values = _equal({"cell": cell, "stage": stage, "name": name})
        query = (
            f"SELECT cell, stage, step, seconds, name, value FROM metrics {condition} ORDER BY cell, stage, name, step"
        )
        for row in self._pages(query, values):
            yield Metric(*row)

    def samples(self, cell: int, row: str | None = None, *, training: bool = True) -> Iterator[StoredSample]:
        """Yield a cell's samples with their texts, ordered by row, step, problem and index.

        Args:
            cell: number of the cell.
            row: of one row only.
            training: whether rows of training stages come too, where no row is asked for.
        """
        condition, values = _where(cell, row, training=training)
        return self._texts(f"{condition} ORDER BY samples.row, step, task_id, sample_index", values)

    def ranked(self, cell: int, row: str, *, best: bool, limit: int) -> list[StoredSample]:
        """Return the `limit` samples of a row with the highest return, or with the lowest."""
        order = "DESC" if best else "ASC"
        condition, values = _where(cell, row, training=True)
        return list(self._texts(f"{condition} ORDER BY reward {order} LIMIT ?", (*values, limit)))

    def first_passes(self, cell: int, row: str) -> dict[str, int | None]:
        """Return for each problem of a row the lowest index of a sample that passed, or None; greedy ones apart."""
        query = (
            f"SELECT task_id, min(CASE WHEN outcome = {Outcome.PASSED.index} THEN sample_index END) FROM samples "
            "WHERE cell = ? AND row = ? AND sample_index >= 0 GROUP BY task_id"
        )
        return dict(self._read(query, (cell, row)))

    def close(self) -> None:
        """Close the file; calling it twice is legal."""
        self._connection.close()

    def __enter__(self) -> SweepStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, table: str, texts: Sequence[str]) -> dict[str, int]:
        """Store those of `texts` that are not there, and return the id of each."""
        digests = {text: hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts}
        self._connection.executemany(
            f"INSERT OR IGNORE INTO {table} (digest, text) VALUES (?, ?)",
            [(digest, text) for text, digest in digests.items()],
        )
        query = f"SELECT id FROM {table} WHERE digest = ?"
        return {text: self._connection.execute(query, (digest,)).fetchone()[0] for text, digest in digests.items()}

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._lock, system_errors(_KIND, self.path), self._connection:
            self._connection.executemany(statement, rows)

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock, system_errors(_KIND, self.path):
            return self._connection.execute(query, values).fetchall()

    def _pages(self, query: str, values: Sequence[Any]) -> Iterator[Any]:
        cursor = self._connection.cursor()
        with self._lock, system_errors(_KIND, self.path):
            cursor.execute(query, values)
        while True:
            with self._lock, system_errors(_KIND, self.path):
                page = cursor.fetchmany(_PAGE)
            if not page:
                return
            yield from page

    def _texts(self, rest: str, values: Sequence[Any]) -> Iterator[StoredSample]:
        columns = ", ".join(f"samples.{name}" for name in _SAMPLE_COLUMNS.split(", "))
        query = (
            f"SELECT {columns}, programs.text, judgements.text FROM samples "
            "JOIN programs ON programs.id = samples.program LEFT JOIN judgements ON judgements.id = samples.judgement "
            f"{rest}"
        )
        return map(_to_sample, self._pages(query, values))


def _where(cell: int | None, row: str | None, *, training: bool) -> tuple[str, tuple[Any, ...]]:
    condition, values = _equal({"cell": cell, "row": row})
    if row is None and not training:
        condition += f" {'AND' if condition else 'WHERE'} row NOT LIKE '{TRAINING}%'"
    return condition, values


def _equal(wanted: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    given = {name: value for name, value in wanted.items() if value is not None}
    condition = " AND ".join(f"{name} = ?" for name in given)
    return (f"WHERE {condition}" if given else ""), tuple(given.values())


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _check_status(status: str) -> None:
    if status not in STATUSES:
        raise ValueError(unknown_name("status of a cell", status, STATUSES))


def _cell_row(cell: Cell) -> tuple[Any, ...]:
    _check_status(cell.status)
    settings, provenance = json.dumps(dict(cell.settings)), json.dumps(dict(cell.provenance))
    key = (cell.cell, cell.name, cell.variant, cell.agent, cell.env, settings, cell.seed)
    return (*key, cell.status, cell.error, cell.seconds, cell.folder, provenance)


def _to_cell(row: Sequence[Any]) -> Cell:
    number, name, variant, agent, env, settings, seed, status, error, seconds, folder, provenance = row
    key = (number, name, variant, agent, env, json.loads(settings), seed)
    return Cell(*key, status, error, seconds, folder, json.loads(provenance))


def _to_sample(row: Sequence[Any]) -> StoredSample:
    name, step, task_id, index, difficulty, outcome, reward, examples, program, judgement = row
    shown = None if examples is None else bool(examples)
    decoded = None if judgement is None else json.loads(judgement)
    return StoredSample(name, step, task_id, index, difficulty, _OUTCOMES[outcome], reward, shown, program, decoded)


def _to_count(row: Sequence[Any]) -> TaskCount:
    cell, name, difficulty, task_id, greedy, compile_, runtime, failed, passed, examples, both = row
    outcomes = (compile_, runtime, failed, passed)
    return TaskCount(cell, name, difficulty, task_id, bool(greedy), outcomes, examples, both)


def _sample_row(sample: StoredSample) -> tuple[Any, ...]:
    key = (sample.row, sample.step, sample.task_id, sample.sample_index, sample.difficulty)
    return (*key, sample.outcome.index, sample.reward, sample.passed_examples)
