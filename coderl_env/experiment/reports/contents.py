"""What a report says: sections of text, tables, charts and programs, made of the records of a sweep or run.

Not here: how it looks (`.markdown`, `.page`, `.charts`), and where records come from (`coderl_env.experiment.sources`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coderl_env.experiment.reports.comparisons import aggregate_grid, comparison_grids, gain_grid
from coderl_env.experiment.reports.curves import CurveChart, learning_curves
from coderl_env.experiment.reports.grids import Grid
from coderl_env.experiment.reports.groups import Entrant, entrants, final_row, ordered_rows, row_label
from coderl_env.experiment.reports.scores import Scores, difficulty_grids, outcome_grid, result_grids
from coderl_env.experiment.reports.texts import judgement_line, shown_text
from coderl_env.experiment.results import RowResult, gather, is_handed_in, with_order
from coderl_env.experiment.sources import Source
from coderl_env.experiment.sweep.records import Cell, StoredSample
from coderl_env.naming import unknown_name
from coderl_env.version import VERSION

__all__ = ["Listing", "Report", "Section", "make_report"]

_CELLS_WITH_PROGRAMS = 100
_COUNTED = {"waiting": "waiting", "running": "unfinished", "done": "finished", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A program with what is known of it."""

    title: str
    facts: str
    program: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        paragraphs: what is said before the tables.
        grids: its tables.
        charts: its charts.
        listings: its programs.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    charts: tuple[CurveChart, ...] = ()
    listings: tuple[Listing, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report.

    Attributes:
        title: what it is about.
        facts: name and value of what a reader wants to know first.
        sections: its parts.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...] = field(default=())


def make_report(source: Source, seed: int = 0, against: Sequence[str] = ()) -> Report:
    """Make the report of a sweep, a run, evaluated predictions or a rejudging.

    Args:
        source: the records.
        seed: of every bootstrap in it.
        against: agents that all others are compared with; none for every two, or the first where those are too many.

    Raises:
        ValueError: there is no cell, or no agent of a name.
        OSError: the records cannot be read.
    """
    cells = source.cells()
    if not cells:
        raise ValueError("there is no cell to report on; run the sweep first")
    about = source.about()
    # A run that is not finished has its first rows already; a sweep's unfinished cell would only blur its group.
    counted = ("done", "running") if about.get("kind") == "run" else ("done",)
    finished = [cell for cell in cells if cell.status in counted]
    results = _results(source, finished)
    scores = Scores(results, seed)
    groups = entrants(finished)
    for name in against:
        if name not in (labels := {group.label for group in groups}):
            raise ValueError(unknown_name("agent", name, labels))
    sections = list(_environments(source, groups, scores, against))
    across = aggregate_grid(groups, scores)
    if across is not None:
        sections.insert(0, Section("All environments", grids=(across,)))
    sections += _programs(source, finished, results)
    sections += _unfinished(cells)
    sections.append(Section("Where this comes from", grids=tuple(_provenance(about, cells, groups))))
    sections.append(Section("How the figures are made", paragraphs=_METHOD))
    programs = sum(int(result.outcomes.sum()) for result in results.values())
    return Report(_title(about, cells), _facts(cells, groups, programs), tuple(sections))


_METHOD = (
    (
        "pass@k is the unbiased estimate of Chen et al. (2021): the probability that k of a problem's samples, drawn "
        "without replacement, hold one that passes, averaged over problems. n@k is the same where n of k samples are "
        "handed in, those that pass the examples of the statement first, averaged exactly over all draws and choices. "
        "Where an agent puts its k programs in order itself, n@k is whether one of the first n passes."
    ),
    (
        "Where an agent has several seeds, a figure is the interquartile mean over them, with a stratified bootstrap "
        "95 % interval (Agarwal et al., 2021): the seeds of each environment are a stratum. With fewer than four "
        "values the interquartile mean is the mean, and an interval over so few seeds is too narrow. With one seed, "
        "the figure is the mean over problems, and so is the interval: it says nothing of other seeds."
    ),
    (
        "The probability of improvement is the share of pairs of seeds in which the first agent is better, ties "
        "counting half; 50 % means no difference. Paired differences compare the same problems: over problems, of the "
        "means over the seeds that both have; over seeds, of the scores of equal seeds. Intervals are not corrected "
        "for the number of comparisons."
    ),
)


def _results(source: Source, cells: Sequence[Cell]) -> dict[tuple[int, str], RowResult]:
    results = gather(count for cell in cells for count in source.counts(cell.cell))
    for (cell, row), result in results.items():
        # An agent that chooses hands its programs in by their index, and has no greedy one. Where examples alone
        # choose, the order says nothing, and which samples passed them is kept.
        if is_handed_in(row) and result.examples is None and result.greedy is None:
            results[cell, row] = with_order(result, source.first_passes(cell, row))
    return results


def _title(about: Mapping[str, Any], cells: Sequence[Cell]) -> str:
    if about.get("kind") == "run":
        return f"{cells[0].agent} on {cells[0].env}, seed {cells[0].seed}"
    return shown_text(str(about.get("name") or "results"), 200)


def _facts(cells: Sequence[Cell], groups: Sequence[Entrant], programs: int) -> tuple[tuple[str, str], ...]:
    states = [(state, sum(cell.status == name for cell in cells)) for name, state in _COUNTED.items()]
    seeds = sorted({cell.seed for cell in cells})
    facts = {
        "agents": ", ".join(dict.fromkeys(cell.agent for cell in cells)),
        "environments": ", ".join(dict.fromkeys(cell.env for cell in cells)),
        "seeds": _ranges(seeds),
        "cells": ", ".join(f"{count} {state}" for state, count in states if count),
        "programs judged": f"{programs:,} in evaluations",
        "time": _duration(sum(cell.seconds or 0.0 for cell in cells)),
        "made by": f"coderl-env {VERSION}",
    }
    return tuple((name, value) for name, value in facts.items() if value)


def _environments(
    source: Source, groups: Sequence[Entrant], scores: Scores, against: Sequence[str]
) -> Iterator[Section]:
    for env in dict.fromkeys(group.env for group in groups):
        members = [group for group in groups if group.env == env]
        grids: list[Grid | None] = [*result_grids(members, scores), *comparison_grids(members, scores, against)]
        grids += [gain_grid(members, scores), outcome_grid(members, scores), *difficulty_grids(members, scores)]
        shown = tuple(grid for grid in grids if grid is not None and grid.rows)
        charts = tuple(learning_curves(source, members, scores.seed))
        note = () if charts else ("No stage logged figures from which a learning curve could be drawn.",)
        yield Section(env, note, shown, charts)


def _programs(source: Source, cells: Sequence[Cell], results: Mapping[tuple[int, str], RowResult]) -> list[Section]:
    listings = []
    for cell in cells[:_CELLS_WITH_PROGRAMS]:
        rows = ordered_rows(row for number, row in results if number == cell.cell)
        row = final_row(rows)
        if row is None:
            continue
        for kind, best in (("best", True), ("worst", False)):
            listings += [
                _listing(cell, row, kind, sample) for sample in source.ranked(cell.cell, row, best=best, limit=1)
            ]
    if not listings:
        return []
    left = len(cells) - _CELLS_WITH_PROGRAMS
    note = (f"Of the first {_CELLS_WITH_PROGRAMS} cells; {left} more are in the store.",) if left > 0 else ()
    return [Section("Best and worst programs", note, listings=tuple(listings))]


def _listing(cell: Cell, row: str, kind: str, sample: StoredSample) -> Listing:
    title = f"{kind} of {cell.name}, {row_label(row)}: {sample.task_id}"
    outcome = sample.outcome.value.replace("_", " ")
    facts = f"{outcome}, return {sample.reward:g}; {judgement_line(sample.judgement)}"
    return Listing(shown_text(title, 200), facts, shown_text(sample.program))


def _unfinished(cells: Sequence[Cell]) -> list[Section]:
    failed = [cell for cell in cells if cell.status == "failed"]
    if not failed:
        return []
    rows = tuple((cell.name, shown_text(cell.error or "no reason was kept", 500)) for cell in failed)
    note = "They take no part in any figure above."
    return [Section("Failed cells", grids=(Grid("", ("cell", "why"), rows, note),))]


def _provenance(about: Mapping[str, Any], cells: Sequence[Cell], groups: Sequence[Entrant]) -> Iterator[Grid]:
    facts: dict[str, dict[str, None]] = {}
    for cell in cells:
        for name, value in _flat("", cell.provenance):
            facts.setdefault(name, {})[value] = None
    rows = [(name, _some(list(values))) for name, values in facts.items()]
    yield Grid("Provenance", ("what", "value"), (("seeds", _ranges(sorted({cell.seed for cell in cells}))), *rows))
    settings: dict[str, dict[str, None]] = {}
    for cell in cells:
        for name, value in _flat("", cell.settings):
            if name != "seed":
                settings.setdefault(name, {})[value] = None
    shown = tuple((name, _some(list(values))) for name, values in settings.items())
    yield Grid("Settings", ("setting", "value"), shown, "A setting with several values differs between cells.")


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(f"{label}: ", value)
        elif isinstance(value, (list, tuple)):
            yield label, ", ".join(map(str, value)) or "-"
        elif (name, value) == ("size", -1):
            yield label, "endless"
        else:
            yield label, "-" if value is None else str(value)


def _some(values: Sequence[str], most: int = 8) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return shown_text("; ".join(values[:most]) + more, 600)


def _ranges(numbers: Sequence[int]) -> str:
    """Return sorted numbers with runs of neighbours drawn together.

    >>> _ranges([0, 1, 2, 5])
    '0-2, 5'
    """
    runs = np.split(np.array(numbers, dtype=np.int64), np.flatnonzero(np.diff(numbers) != 1) + 1)
    return ", ".join(str(run[0]) if run.size == 1 else f"{run[0]}-{run[-1]}" for run in runs if run.size)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds" if seconds else ""
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
