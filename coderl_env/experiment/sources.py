"""Where judged programs are read from: the store of a sweep, or the folder of a single run, behind one protocol.

A run's evaluations are read as the rows of one cell, so that reports and rejudging need not know the difference.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, Self

from coderl_env.datasets import load_dataset
from coderl_env.experiment.run_folder import read_config
from coderl_env.experiment.store import Sample, SampleStore
from coderl_env.experiment.sweep.gather import (
    row_of,
    run_metrics,
    run_provenance,
    run_seconds,
    shown_examples,
    stored_sample,
)
from coderl_env.experiment.sweep.records import TRAINING, Cell, Metric, StoredSample, TaskCount
from coderl_env.experiment.sweep.store import STORE_NAME, SweepStore
from coderl_env.experiment.training import TrainConfig
from coderl_env.outcome import Outcome
from coderl_env.version import VERSION

__all__ = ["RunRecords", "Source", "open_source"]


class Source(Protocol):
    """What reports and rejudging ask of judged programs; `SweepStore` says what each returns."""

    def about(self) -> dict[str, Any]: ...

    def cells(self) -> list[Cell]: ...

    def rows(self, cell: int | None = None, *, training: bool = False) -> list[tuple[int, str]]: ...

    def counts(
        self, cell: int | None = None, row: str | None = None, *, training: bool = False
    ) -> Iterator[TaskCount]: ...

    def metrics(
        self, cell: int | None = None, stage: str | None = None, name: str | None = None
    ) -> Iterator[Metric]: ...

    def samples(self, cell: int, row: str | None = None, *, training: bool = True) -> Iterator[StoredSample]: ...

    def ranked(self, cell: int, row: str, *, best: bool, limit: int) -> list[StoredSample]: ...

    def first_passes(self, cell: int, row: str) -> dict[str, int | None]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_source(folder: Path) -> Source:
    """Open the folder of a run, a sweep, an assessment or a rejudging for reading.

    Raises:
        ValueError: it is none of these, or its store has another version.
        OSError: it cannot be read.
    """
    if (folder / STORE_NAME).is_file():
        return SweepStore(folder, read_only=True)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; name the folder of a run or of a sweep")
    return RunRecords(folder)


class RunRecords:
    """The folder of a run, read as a sweep of one cell.

    Args:
        folder: the run's folder.

    Raises:
        ValueError: there is no run in it, or no program was judged yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = TrainConfig.from_dict(read_config(folder))
        samples = folder / "samples.sqlite"
        if not samples.is_file():
            raise ValueError(f"the run in {folder} has judged no program yet; let it go on")
        self._store = SampleStore(samples, read_only=True)
        self._shown = shown_examples(folder)
        self._difficulties = _Difficulties(self._config)
        self._metrics: list[Metric] | None = None

    def about(self) -> dict[str, Any]:
        """Return the run's name."""
        return {"name": self._folder.resolve().name, "kind": "run"}

    def cells(self) -> list[Cell]:
        """Return the one cell."""
        config, name = self._config, self._folder.resolve().name
        done = (self._folder / "summary.json").exists()
        return [
            Cell(
                cell=0,
                name=name,
                variant=config.agent,
                agent=config.agent,
                env=config.env,
                settings=config.to_dict(),
                seed=config.seed,
                status="done" if done else "running",
                seconds=run_seconds(self._folder),
                folder=".",
                provenance={"version": VERSION, **run_provenance(self._folder)},
            )
        ]

    def rows(self, cell: int | None = None, *, training: bool = False) -> list[tuple[int, str]]:
        """Return the rows, as `SweepStore.rows`."""
        names = {row_of(stage)[0] for stage in self._store.stages()}
        return [(0, name) for name in sorted(names) if training or not name.startswith(TRAINING)]

    def counts(self, cell: int | None = None, row: str | None = None, *, training: bool = False) -> Iterator[TaskCount]:
        """Yield the counts of every problem, as `SweepStore.counts`, ordered by row, greedy and problem."""
        stages = sorted((*row_of(stage), stage) for stage in self._store.stages())
        for name, greedy, stage in stages:
            if row == name or (row is None and (training or not name.startswith(TRAINING))):
                for task_id, group in groupby(self._store.outcome_rows(stage), key=lambda item: item[0]):
                    yield self._count(name, task_id, greedy, list(group))

    def metrics(self, cell: int | None = None, stage: str | None = None, name: str | None = None) -> Iterator[Metric]:
        """Yield figures, as `SweepStore.metrics`."""
        if self._metrics is None:
            self._metrics = sorted(
                run_metrics(0, self._folder), key=lambda found: (found.stage, found.name, found.step)
            )
        return (found for found in self._metrics if stage in (None, found.stage) and name in (None, found.name))

    def samples(self, cell: int, row: str | None = None, *, training: bool = True) -> Iterator[StoredSample]:
        """Yield samples with their texts, as `SweepStore.samples`."""
        for _, name in self.rows(training=training):
            if row in (None, name):
                yield from self._row_samples(name)

    def ranked(self, cell: int, row: str, *, best: bool, limit: int) -> list[StoredSample]:
        """Return the samples of a row with the highest return, or with the lowest."""
        choose = heapq.nlargest if best else heapq.nsmallest
        return choose(limit, self._row_samples(row), key=lambda sample: sample.reward)

    def first_passes(self, cell: int, row: str) -> dict[str, int | None]:
        """Return for each problem the lowest index of a sample that passed, as `SweepStore.first_passes`."""
        found: dict[str, int | None] = {}
        for stage in self._store.stages():
            if row_of(stage) == (row, False):
                for task_id, index, outcome in self._store.outcome_rows(stage):
                    passed = index if outcome == Outcome.PASSED.value else None
                    known = found.get(task_id)
                    found[task_id] = passed if known is None else known
        return found

    def close(self) -> None:
        """Close the run's store."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self, row: str, task_id: str, greedy: bool, samples: list[tuple[str, int, str]]) -> TaskCount:
        outcomes = [outcome for _, _, outcome in samples]
        compiled, runtime, failed, passed = (outcomes.count(outcome.value) for outcome in Outcome)
        flags = "" if greedy else self._shown.get(row, {}).get(task_id, "")
        shown = both = None
        if len(flags) == len(samples):
            shown = flags.count("1")
            both = sum(flags[index] == "1" and outcome == Outcome.PASSED.value for _, index, outcome in samples)
        difficulty = self._difficulties.get(task_id)
        return TaskCount(0, row, difficulty, task_id, greedy, (compiled, runtime, failed, passed), shown, both)

    def _row_samples(self, row: str) -> Iterator[StoredSample]:
        stages = [stage for stage in self._store.stages() if row_of(stage)[0] == row]
        return iter(heapq.merge(*(map(self._stored, self._store.rows(stage)) for stage in stages), key=_place))

    def _stored(self, sample: Sample) -> StoredSample:
        return stored_sample(sample, self._difficulties, self._shown)


class _Difficulties(Mapping[str, str | None]):
    """The difficulties of a run's problems: Synth's ids say them, other data sets are asked, where they are at hand."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._known: dict[str, str | None] | None = None

    def __getitem__(self, task_id: str) -> str | None:
        if task_id.startswith("synth/"):
            return task_id.split("/")[2]
        return self._loaded()[task_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def _loaded(self) -> dict[str, str | None]:
        if self._known is None:
            self._known = {}
            for split in dict.fromkeys((self._config.eval_split, self._config.split)):
                try:
                    dataset = load_dataset(self._config.dataset, split, self._config.data_dir)
                except ValueError:  # the data is not on this machine
                    continue
                if dataset.size >= 0:
                    self._known |= {problem.id: problem.difficulty for problem in dataset}
        return self._known


def _place(sample: StoredSample) -> tuple[int, str, int]:
    return sample.step, sample.task_id, sample.sample_index
