"""`coderl rejudge`: judge stored programs again, without the model that wrote them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from coderl_env.cli.options import IsolationOption, JsonOption, LimitOption, RayOption, judge_maker, parse_limits
from coderl_env.cli.progress import TerminalProgress
from coderl_env.cli.terminal import Stopped, emit_json, emit_table, printable, progress_console, say
from coderl_env.datasets import Dataset, load_dataset
from coderl_env.experiment.rejudging import rejudge
from coderl_env.experiment.reports.grids import percent
from coderl_env.experiment.run_folder import write_whole
from coderl_env.experiment.sources import Source, open_source
from coderl_env.experiment.sweep.records import Cell, StoredSample
from coderl_env.judge import MakesJudge
from coderl_env.outcome import Outcome
from coderl_env.problem import Limits
from coderl_env.registration import ENVIRONMENTS
from coderl_env.reward import needs_all_tests, resolve_reward

__all__ = ["rejudge_command"]

# What the settings of a cell say of its problems: those of a run, and that of an assessment of predictions.
_SPLITS = ("eval_split", "split")


def rejudge_command(
    folder: Annotated[Path, typer.Argument(help="Folder of a run, a sweep or evaluated predictions.")],
    comparator: Annotated[
        str | None,
        typer.Option("--comparator", help="lines, exact, tokens, floats or apps.", show_default="as before"),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir", help="File or folder of the data, such as a newer version.", show_default="as before"
        ),
    ] = None,
    limits: LimitOption = None,
    isolation: IsolationOption = "auto",
    ray: RayOption = None,
    training: Annotated[
        bool, typer.Option("--training", help="Also the programs that were drawn while training.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="The new folder.", show_default="beside the old one")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a folder's programs again, with another rule or other data, and show which outcomes change.

    The old folder stays as it is; the new one has a store of its own and a summary.json. The same command again goes on
    where it was stopped.

    Example: coderl rejudge runs/first --comparator tokens
    """
    chosen = parse_limits(limits)
    given = {
        "comparator": comparator,
        "data_dir": None if data_dir is None else str(data_dir),
        "limits": None if chosen is None else asdict(chosen),
        "isolation": isolation,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    target = out or _beside(folder, {**changes, "training": training})
    if target.resolve() == folder.resolve():
        raise ValueError(f"{target} is the folder that is read; name another one with --out")
    with open_source(folder) as source:
        settings = _common_settings(source, changes)
        summary = _rejudged(source, target, settings, changes, judge_maker(ray), training=training)
    write_whole(target / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    if as_json:
        emit_json(summary)
        return
    for table in rejudging_tables(summary):
        emit_table(table)
    say(f"{summary['changed']} of {summary['programs']} outcomes changed; summary: {target / 'summary.json'}")


def _beside(folder: Path, changes: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(changes, sort_keys=True).encode()).hexdigest()[:8]
    place = folder.resolve()
    return place.with_name(f"{place.name}-rejudged-{digest}")


def _common_settings(source: Source, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return comparator, limits and when to stop: those of before, where nothing else is asked for.

    Raises:
        ValueError: the cells differ in them, and one judge cannot apply two.
    """
    cells = source.cells()
    common = {}
    for name in ("comparator", "limits"):
        found = {json.dumps(cell.settings.get(name)) for cell in cells}
        if name not in changes and len(found) > 1:
            raise ValueError(
                f"the cells were judged with different {name} settings ({', '.join(sorted(found))}); "
                f"choose one with --{name.removesuffix('s')}"
            )
        common[name] = changes.get(name) or json.loads(next(iter(found)))
    all_tests = any(needs_all_tests(resolve_reward(cell.settings.get("reward", "coderl"))) for cell in cells)
    return {
        "comparator": common["comparator"] or "lines",
        "limits": None if common["limits"] is None else Limits.from_dict(common["limits"]),
        "stop": "first_limit" if all_tests else "first_failure",
    }


def _rejudged(
    source: Source,
    target: Path,
    settings: Mapping[str, Any],
    changes: Mapping[str, Any],
    make_judge: MakesJudge,
    *,
    training: bool,
) -> dict[str, Any]:
    loaded: dict[tuple[str, str, str | None], Dataset] = {}

    def datasets(cell: Cell) -> list[Dataset]:
        place = changes.get("data_dir") or cell.settings.get("data_dir")
        name = str(ENVIRONMENTS[cell.env]["dataset"])
        splits = dict.fromkeys(cell.settings[key] for key in _SPLITS if cell.settings.get(key))
        for split in splits:
            key = (name, split, place)
            if key not in loaded:
                loaded[key] = load_dataset(name, split, None if split == "sample" or name == "synth" else place)
        return [loaded[name, split, place] for split in splits]

    total = sum(count.samples for count in source.counts(training=training))
    judged = 0
    judge = make_judge(isolation=changes["isolation"], **settings)
    with judge, TerminalProgress(progress_console()) as progress:

        def report(_: StoredSample) -> None:
            nonlocal judged
            judged += 1
            progress.advance("rejudge", judged, {})

        progress.start("rejudge", total, "programs")
        try:
            summary = rejudge(source, target, datasets, judge, changes, training=training, on_judged=report)
        except KeyboardInterrupt:
            raise Stopped(f"stopped; what was judged is in {target}, and the same command goes on") from None
        progress.finish("rejudge")
    return summary


def rejudging_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return a rejudging's tables for the screen: figures before and after, outcomes before by after, some changes."""
    figures = Table("", "figure", title="Percent, [95 % interval] over problems", title_justify="left")
    for name in ("before", "after"):
        figures.add_column(name, justify="right")
    totals = {before.value: dict.fromkeys((after.value for after in Outcome), 0) for before in Outcome}
    for label, row in summary["rows"].items():
        for name, estimate in row["before"].items():
            if isinstance(estimate, Mapping) and "mean" in estimate:
                after = row["after"].get(name)
                figures.add_row(
                    Text(label),
                    name.replace("_at_", "@"),
                    percent(estimate),
                    "-" if after is None else percent(after),
                )
        for before, line in row["outcomes"].items():
            for after, count in line.items():
                totals[before][after] += count
    outcomes = Table("before, down; after, across", title="Outcomes of all programs", title_justify="left")
    for outcome in Outcome:
        outcomes.add_column(outcome.value.replace("_", " "), justify="right")
    for before, line in totals.items():
        outcomes.add_row(before.replace("_", " "), *map(str, line.values()))
    tables = [figures, outcomes]
    if summary["examples"]:
        changes = Table("cell", "row", "problem", "sample", "before", "after", title="Changed", title_justify="left")
        for change in summary["examples"]:
            changes.add_row(*(Text(printable(str(value))) for value in change.values()))
        tables.append(changes)
    return tables
