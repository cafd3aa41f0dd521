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
from coderl_env.experiment.sweep.worker import ATTEMPTS_NAME, CELL_NAME
from coderl_env.outcome import Outcome

__all__ = ["gather_cell", "run_provenance", "run_seconds"]

_EVALUATION = "evaluate_"
_GREEDY_ENDING = "_greedy"
_OWN_FIELDS = ("stage", "step", "time")  # of a line of metrics; everything else is a figure

_Attempt = tuple[float, float]  # begin and end, in seconds since the epoch


def gather_cell(store: SweepStore, cell: int, folder: Path) -> None:
    """Put the figures and samples of the run in `folder` into the store, in place of what the cell has there.

    Raises:
        ValueError: the folder's samples cannot be read.
        OSError: the store cannot be written.
    """
    store.clear(cell)
    lines = read_metrics(folder)
    store.add_metrics(_metrics(cell, lines, _attempts(folder, lines)))
    samples = folder / "samples.sqlite"
    if samples.exists():
        difficulties = _read_json(folder / CELL_NAME).get("difficulties", {})
        with SampleStore(samples, read_only=True) as run:
            store.add_samples(cell, (_stored(sample, difficulties) for sample in run.rows()))


def run_seconds(folder: Path) -> float:
    """Return the wall time that a run has taken over all attempts, without the pauses between them."""
    return sum(end - begin for begin, end in _attempts(folder, read_metrics(folder)))


def run_provenance(folder: Path) -> dict[str, Any]:
    """Return where the figures of a run come from, as JSON values."""
    summary = _read_json(folder / "summary.json")
    facts = _read_json(folder / CELL_NAME).get("provenance", {})
    return {**facts, **{name: summary[name] for name in ("judge", "dataset") if name in summary}}


def _metrics(cell: int, lines: Iterable[Mapping[str, Any]], attempts: Sequence[_Attempt]) -> Iterator[Metric]:
    for line in lines:
        seconds = _seconds_at(line["time"], attempts)
        for name, value in line.items():
            if name not in _OWN_FIELDS:
                yield Metric(cell, line["stage"], line["step"], seconds, name, value)


def _stored(sample: Sample, difficulties: Mapping[str, str]) -> StoredSample:
    stage, index = sample.stage, sample.sample_index
    if stage.startswith(_EVALUATION):
        row = stage.removeprefix(_EVALUATION)
        if row.endswith(_GREEDY_ENDING):
            row, index = row.removesuffix(_GREEDY_ENDING), GREEDY
    else:
        row = TRAINING + stage
    return StoredSample(
        row=row,
        step=sample.step,
        task_id=sample.task_id,
        sample_index=index,
        difficulty=difficulties.get(sample.task_id),
        outcome=Outcome(sample.outcome),
        reward=sample.reward,
        passed_examples=None,
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
