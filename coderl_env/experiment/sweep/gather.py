"""Gathering: from the run folder of a cell into the sweep's store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from coderl_env.experiment.run_folder import read_metrics
from coderl_env.experiment.store import Sample, SampleStore
from coderl_env.experiment.sweep.records import GREEDY, TRAINING, Metric, StoredSample
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.outcome import Outcome

__all__ = [
    "ATTEMPTS_NAME",
    "CELL_NAME",
    "gather_cell",
    "run_metrics",
    "run_provenance",
    "row_of",
    "run_seconds",
    "shown_examples",
    "stored_sample",
]

# What a cell's process adds to its run folder: when its attempts began and ended, and facts that only it knows.
ATTEMPTS_NAME = "attempts.jsonl"
CELL_NAME = "cell.json"

_EVALUATION = "evaluate_"
_GREEDY_ENDING = "_greedy"
_OWN_FIELDS = ("stage", "step", "time")  # of a line of metrics; everything else is a figure

# Row -> problem -> one 0 or 1 for each sample: whether it passed the examples of the statement.
ShownExamples = Mapping[str, Mapping[str, str]]
_Attempt = tuple[float, float]  # begin and end, in seconds since the epoch


def gather_cell(store: SweepStore, cell: int, folder: Path) -> None:
    """Put the figures and samples of the run in `folder` into the store, in place of what the cell has there.

    Raises:
        ValueError: the folder's samples cannot be read.
        OSError: the store cannot be written.
    """
    store.clear(cell)
    store.add_metrics(run_metrics(cell, folder))
    samples = folder / "samples.sqlite"
    if samples.exists():
        difficulties = _read_json(folder / CELL_NAME).get("difficulties", {})
        shown = shown_examples(folder)
        with SampleStore(samples, read_only=True) as run:
            store.add_samples(cell, (stored_sample(sample, difficulties, shown) for sample in run.rows()))


def run_seconds(folder: Path) -> float:
    """Return the wall time that a run has taken over all attempts, without the pauses between them."""
    return sum(end - begin for begin, end in _attempts(folder, read_metrics(folder)))


def run_provenance(folder: Path) -> dict[str, Any]:
    """Return where the figures of a run come from, as JSON values."""
    summary = _read_json(folder / "summary.json")
    facts = _read_json(folder / CELL_NAME).get("provenance", {})
    return {**facts, **{name: summary[name] for name in ("judge", "dataset") if name in summary}}


def run_metrics(cell: int, folder: Path) -> Iterator[Metric]:
    """Yield the figures of the run in `folder` as those of a cell."""
    lines = read_metrics(folder)
    attempts = _attempts(folder, lines)
    for line in lines:
        seconds = _seconds_at(line["time"], attempts)
        for name, value in line.items():
            if name not in _OWN_FIELDS:
                yield Metric(cell, line["stage"], line["step"], seconds, name, value)


def shown_examples(folder: Path) -> ShownExamples:
    """Return which of a run's sampled programs passed the examples of their statements, for the rows that know."""
    stages = _read_json(folder / "stages.json")
    return {row_of(stage)[0]: state.get("passed_examples", {}) for stage, state in stages.items()}


def row_of(stage: str) -> tuple[str, bool]:
    """Return the row that a stage of a run stands for, and whether its programs are the greedy ones."""
    if not stage.startswith(_EVALUATION):
        return TRAINING + stage, False
    row = stage.removeprefix(_EVALUATION)
    return row.removesuffix(_GREEDY_ENDING), row.endswith(_GREEDY_ENDING)


def stored_sample(sample: Sample, difficulties: Mapping[str, str | None], shown: ShownExamples) -> StoredSample:
    """Return a run's sample as the store of a sweep has it."""
    row, greedy = row_of(sample.stage)
    flags = "" if greedy else shown.get(row, {}).get(sample.task_id, "")
    return StoredSample(
        row=row,
        step=sample.step,
        task_id=sample.task_id,
        sample_index=GREEDY if greedy else sample.sample_index,
        difficulty=difficulties.get(sample.task_id),
        outcome=Outcome(sample.outcome),
        reward=sample.reward,
        passed_examples=flags[sample.sample_index] == "1" if sample.sample_index < len(flags) else None,
        program=sample.program,
        judgement=sample.judgement,
    )


def _attempts(folder: Path, lines: Iterable[Mapping[str, Any]]) -> list[_Attempt]:
    """Return begin and end of each attempt; one that was killed ended with the last figures that it wrote."""
    file = folder / ATTEMPTS_NAME
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    # A line without its end was cut short.
    notes = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    times = sorted(line["time"] for line in lines)
    if not notes and times:
        # A run that no sweep began: one attempt, pauses and all.
        return [(times[0], times[-1])]
    attempts: list[_Attempt] = []
    for number, note in enumerate(notes):
        if note["event"] != "begin":
            continue
        begin = note["time"]
        following = notes[number + 1] if number + 1 < len(notes) else None
        if following is not None and following["event"] == "end":
            attempts.append((begin, following["time"]))
        else:
            limit = float("inf") if following is None else following["time"]
            attempts.append((begin, max((time for time in times if begin <= time < limit), default=begin)))
    return attempts


def _seconds_at(time: float, attempts: Sequence[_Attempt]) -> float | None:
    """Return the wall time that the run had taken at `time`."""
    begun = [attempt for attempt in attempts if attempt[0] <= time]
    if not begun:
        return None
    return sum(end - begin for begin, end in begun[:-1]) + time - begun[-1][0]


def _read_json(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values
