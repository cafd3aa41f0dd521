"""`coderl evaluate --predictions`: programs that were made elsewhere, under this judge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from coderl_env.cli.options import parse_limits
from coderl_env.cli.progress import TerminalProgress
from coderl_env.cli.terminal import Stopped, emit_json, emit_table, progress_console, say
from coderl_env.datasets import SPLITS, Dataset, load_dataset
from coderl_env.experiment.assessment import ROW, Survey, assess, digest_of, survey
from coderl_env.experiment.predictions import detect_format, read_predictions
from coderl_env.experiment.reports.grids import level_order, percent
from coderl_env.experiment.run_folder import write_whole
from coderl_env.experiment.settings import SHORT_NAMES, environment_id
from coderl_env.experiment.sweep.records import StoredSample
from coderl_env.judge import MakesJudge
from coderl_env.naming import unknown_name
from coderl_env.outcome import Outcome
from coderl_env.registration import ENVIRONMENTS
from coderl_env.reward import needs_all_tests, resolve_reward

__all__ = ["PredictionOptions", "evaluate_predictions"]


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """What the command line says of a file of predictions; None is for the file to say."""

    file: Path
    format: str | None
    env: str | None
    split: str | None
    data_dir: Path | None
    difficulties: tuple[str, ...] | None
    comparator: str
    isolation: str
    limits: tuple[str, ...]
    examples: bool
    skip_unknown: bool
    cache: Path | None
    seed: int
    out: Path | None
    make_judge: MakesJudge


def evaluate_predictions(options: PredictionOptions, *, as_json: bool) -> None:
    """Judge a file's programs and print what they achieve.

    Raises:
        ValueError: the file, the data set or an option cannot be used.
        JudgeError: a program could not be judged.
    """
    name = options.format or detect_format(options.file)
    env, split = _problems_meant(options, name)
    dataset = load_dataset(str(ENVIRONMENTS[env]["dataset"]), split, options.data_dir, options.difficulties)
    say(f"{options.file}: format {name}, problems of {dataset.name}/{dataset.split}")
    limits = parse_limits(options.limits)
    surveyed = survey(options.file, name, dataset, skip_unknown=options.skip_unknown)
    _say_survey(surveyed, dataset)
    settings = {
        "format": name,
        "digest": digest_of(options.file),
        "env": env,
        "split": split,
        "data_dir": None if options.data_dir is None else str(options.data_dir),
        "difficulties": None if options.difficulties is None else list(options.difficulties),
        "comparator": options.comparator,
        "reward": "coderl",
        "limits": None if limits is None else asdict(limits),
        "examples": options.examples,
        "skip_unknown": options.skip_unknown,
        "seed": options.seed,
    }
    folder = options.out or _default_folder(options.file, settings)
    summary = _judged(options, dataset, settings, surveyed, folder)
    write_whole(folder / "summary.json", (json.dumps(summary, indent=2) + "\n").encode())
    if as_json:
        emit_json(summary)
        return
    for table in prediction_tables(summary):
        emit_table(table)
    say(f"summary: {folder / 'summary.json'}; coderl report {folder} makes a page of it")


def _judged(
    options: PredictionOptions, dataset: Dataset, settings: Mapping[str, Any], surveyed: Survey, folder: Path
) -> dict[str, Any]:
    stop = "first_limit" if needs_all_tests(resolve_reward(settings["reward"])) else "first_failure"
    judged = passed = 0
    with (
        options.make_judge(
            limits=parse_limits(options.limits),
            comparator=options.comparator,
            isolation=options.isolation,
            stop=stop,
            cache=options.cache,
        ) as judge,
        TerminalProgress(progress_console()) as progress,
    ):

        def report(sample: StoredSample) -> None:
            nonlocal judged, passed
            judged += 1
            passed += sample.outcome is Outcome.PASSED
            progress.advance("judge", judged, {"pass_rate": passed / judged})

        progress.start("judge", surveyed.programs, "programs")
        try:
            summary = assess(folder, options.file, dataset, judge, settings, surveyed, on_judged=report)
        except KeyboardInterrupt:
            raise Stopped(f"stopped; what was judged is in {folder}, and the same command goes on") from None
        progress.finish("judge")
    return summary


def _problems_meant(options: PredictionOptions, name: str) -> tuple[str, str]:
    """Return environment and split, where they are not given, as the first problem's id names them."""
    first = next(read_predictions(options.file, name)).task_id
    parts = first.split("/")
    if options.env is not None:
        env = environment_id(options.env)
    elif parts[0].lower() in SHORT_NAMES and len(parts) > 1:
        env = environment_id(parts[0])
    elif name in ("apps", "coderl"):
        env = environment_id("apps")
    else:
        raise ValueError(f"the problem id {first!r} does not say which data set it is of; name one with --env")
    splits = SPLITS[str(ENVIRONMENTS[env]["dataset"])]
    if options.split is not None:
        if options.split not in splits:
            raise ValueError(unknown_name(f"split of {options.env or env}", options.split, splits))
        return env, options.split
    return env, parts[1] if len(parts) > 2 and parts[1] in splits else "test"


def _default_folder(file: Path, settings: Mapping[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    return Path("runs") / f"predictions-{file.name.partition('.')[0] or 'file'}-{digest}"


def _say_survey(surveyed: Survey, dataset: Dataset) -> None:
    notes = [f"{surveyed.programs} programs for {surveyed.problems} problems"]
    if surveyed.repeated:
        notes.append(f"{surveyed.repeated} say the same as another for the same problem; all of them count")
    if surveyed.unknown:
        notes.append(f"{surveyed.unknown} more are for problems that the data set does not have, and are left out")
    if surveyed.missing:
        named = ", ".join(surveyed.missing[:3])
        notes.append(
            f"{len(surveyed.missing)} of the {dataset.size} problems have no program and do not count ({named}, ...)"
            if len(surveyed.missing) > 3
            else f"{len(surveyed.missing)} of the {dataset.size} problems have no program and do not count ({named})"
        )
    say("; ".join(notes))


def prediction_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return a summary's tables for the screen: figures by difficulty, and outcomes."""
    row = summary["evaluation"][ROW]
    names = [name for name in row if isinstance(row[name], Mapping) and "mean" in row[name]]
    low, high = row["samples_per_problem"]
    each = str(low) if low == high else f"{low} to {high}"
    predictions = summary["predictions"]
    title = (
        f"{predictions['file']} ({predictions['format']}): {row['problems']} problems, {each} programs each; "
        "percent, [95 % interval] over problems"
    )
    figures = Table(title=title, title_justify="left")
    for column in ("", "problems", *(name.replace("_at_", "@") for name in names)):
        figures.add_column(column, justify="left" if not column else "right")
    levels = level_order(list(row["difficulties"]))
    lines = [(level, row["difficulties"][level]) for level in levels if len(levels) > 1]
    for label, values in [*lines, ("all", row)]:
        figures.add_row(label, str(values["problems"]), *(percent(values[name]) for name in names))
    if "missing_as_failed" in row:
        total = row["problems"] + summary["missing"]["problems"]
        cells = (percent(row["missing_as_failed"][name]) for name in names)
        figures.add_row("all, missing ones as failed", str(total), *cells)
    outcomes = Table(title="Outcomes of the programs", title_justify="left")
    for outcome in row["outcomes"]:
        outcomes.add_column(outcome.replace("_", " "), justify="right")
    total = max(1, sum(row["outcomes"].values()))
    outcomes.add_row(*(f"{count} ({100 * count / total:.1f} %)" for count in row["outcomes"].values()))
    return [figures, outcomes]
