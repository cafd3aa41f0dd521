"""Judging stored programs again, with other rules or another version of the data, without the model that wrote them.

The old store is only read. The new one has the same cells, rows and samples, and `summary.json` beside it says what
changed. The same call again goes on where it was stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from coderl_env.datasets import Dataset
from coderl_env.experiment.judging import Work, judge_into
from coderl_env.experiment.results import gather, result_summary
from coderl_env.experiment.run_folder import RunFolderError
from coderl_env.experiment.sources import Source
from coderl_env.experiment.sweep.records import Cell, StoredSample
from coderl_env.experiment.sweep.store import STORE_NAME, SweepStore
from coderl_env.judge import JUDGE_VERSION, AnyJudge
from coderl_env.outcome import Outcome
from coderl_env.problem import Problem
from coderl_env.reward import resolve_reward

__all__ = ["Change", "rejudge"]

_SHOWN_CHANGES = 20

# What becomes of a cell's settings, such as another comparator; the data set of a cell and one of its splits.
Datasets = Callable[[Cell], list[Dataset]]


@dataclass(frozen=True, slots=True)
class Change:
    """A program that is judged otherwise than before."""

    cell: str
    row: str
    task_id: str
    sample_index: int
    before: str
    after: str

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def rejudge(
    source: Source,
    folder: Path,
    datasets: Datasets,
    judge: AnyJudge,
    changes: Mapping[str, Any],
    *,
    training: bool = False,
    on_judged: Callable[[StoredSample], None] | None = None,
) -> dict[str, Any]:
    """Judge the programs of a source again into a folder, and return the summary.

    Args:
        source: the programs.
        folder: where the new store is, or will be.
        datasets: returns the data sets in which a cell's problems are looked for, in order.
        judge: judges the programs.
        changes: settings that differ from those of the cells, as JSON values; kept in the new ones.
        training: whether programs that were drawn while training are judged too.
        on_judged: called with every program.

    Raises:
        RunFolderError: the folder holds something else.
        JudgeError: a program could not be judged; those before it are kept.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with SweepStore(folder / STORE_NAME) as store:
        _begin(store, folder, source, judge, {**changes, "training": training})
        without = 0
        for cell in source.cells():
            problems = _Problems(datasets(cell))
            done = sum(count.samples for count in store.counts(cell.cell, training=True))
            reward = resolve_reward(cell.settings.get("reward", "coderl"))
            work = _work(source, cell.cell, problems, training=training)
            judge_into(store, cell.cell, islice(work, done, None), judge, reward, on_judged=on_judged)
            without += problems.missing
        return _summary(source, store, without, changes, training=training)


class _Problems:
    """The problems of some data sets, with a count of those that are in none."""

    def __init__(self, datasets: list[Dataset]) -> None:
        self._datasets = datasets
        self._known: dict[str, Problem | None] = {}
        self.missing = 0

    def get(self, task_id: str) -> Problem | None:
        if task_id not in self._known:
            self._known[task_id] = next(filter(None, (_get(dataset, task_id) for dataset in self._datasets)), None)
        problem = self._known[task_id]
        self.missing += problem is None
        return problem


def _get(dataset: Dataset, task_id: str) -> Problem | None:
    try:
        return dataset.get(task_id)
    except ValueError:
        return None


def _work(source: Source, cell: int, problems: _Problems, *, training: bool) -> Iterator[Work]:
    for sample in source.samples(cell, training=training):
        problem = problems.get(sample.task_id)
        if problem is not None:
            shown = sample.passed_examples is not None
            yield Work(sample.row, sample.step, sample.sample_index, sample.program, problem, shown)


def _begin(store: SweepStore, folder: Path, source: Source, judge: AnyJudge, changes: Mapping[str, Any]) -> None:
    about = source.about()
    wanted = {"name": f"{about.get('name', '')} rejudged", "kind": "rejudged", "changes": dict(changes)}
    found = store.about()
    if found and found != wanted:
        raise RunFolderError(f"{folder} holds programs that were rejudged with other settings; name another folder")
    if found:
        return
    cells = source.cells()
    store.put_cells([_rejudged(cell, judge, changes) for cell in cells])
    for cell in cells:
        store.add_metrics(source.metrics(cell.cell))
    store.describe(wanted)


def _rejudged(cell: Cell, judge: AnyJudge, changes: Mapping[str, Any]) -> Cell:
    known = {name: value for name, value in changes.items() if name in cell.settings}
    earlier = cell.provenance.get("judge", {})
    comparator = changes.get("comparator", cell.settings.get("comparator"))
    now = {**earlier, "isolation": judge.isolation, "comparator": comparator, "version": JUDGE_VERSION}
    provenance = {**cell.provenance, "judge": now, "judged before by": earlier, "rejudged with": dict(changes)}
    return replace(cell, settings={**cell.settings, **known}, provenance=provenance)


def _summary(
    source: Source, store: SweepStore, without: int, changes: Mapping[str, Any], *, training: bool
) -> dict[str, Any]:
    before, after = gather(source.counts(training=training)), gather(store.counts(training=training))
    mixes: dict[str, Any] = {}
    shown: list[Change] = []
    programs = changed = 0
    for cell in source.cells():
        for row, matrix, found in _changes(source, store, cell, training=training):
            key = (cell.cell, row)
            draws = [int(name.partition("@")[2]) for name in before[key].metrics() if name.startswith("pass@")]
            mixes[f"{cell.name}: {row}"] = {
                "outcomes": matrix,
                "before": result_summary(before[key], cell.seed, draws),
                "after": result_summary(after[key], cell.seed, draws),
            }
            programs += sum(sum(line.values()) for line in matrix.values())
            changed += sum(count for first, line in matrix.items() for second, count in line.items() if first != second)
            shown += found[: max(0, _SHOWN_CHANGES - len(shown))]
    return {
        "name": store.about()["name"],
        "changes": dict(changes),
        "programs": programs,
        "without_problem": without,
        "changed": changed,
        "examples": [change.to_dict() for change in shown],
        "rows": mixes,
    }


def _changes(
    source: Source, store: SweepStore, cell: Cell, *, training: bool
) -> Iterator[tuple[str, dict[str, dict[str, int]], list[Change]]]:
    """Yield each row with its table of outcomes, before by after, and its first changes; in one pass over both."""
    for _, row in store.rows(cell.cell, training=training):
        counts: Counter[tuple[Outcome, Outcome]] = Counter()
        found: list[Change] = []
        earlier = iter(source.samples(cell.cell, row))
        for sample in store.samples(cell.cell, row):
            # The new store has the old one's samples in their order, less those whose problem is gone.
            old = next(item for item in earlier if _key(item) == _key(sample))
            counts[old.outcome, sample.outcome] += 1
            if old.outcome is not sample.outcome and len(found) < _SHOWN_CHANGES:
                facts = (cell.name, row, sample.task_id, sample.sample_index, old.outcome.value, sample.outcome.value)
                found.append(Change(*facts))
        yield row, {a.value: {b.value: counts[a, b] for b in Outcome} for a in Outcome}, found


def _key(sample: StoredSample) -> tuple[int, str, int]:
    return sample.step, sample.task_id, sample.sample_index
