"""The report of a run: tables for the screen, `report.md`, and the learning curves as `learning_curve.png`.

Everything comes from `config.json`, `summary.json` and `metrics.jsonl`, so a report can be made again at any time.
Matplotlib is optional; without it the report says what to install.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coderl_env.experiment.reports.curves import CURVE_FIGURES, smoothed
from coderl_env.experiment.reports.grids import Grid, markdown_table, percent
from coderl_env.experiment.reports.groups import row_label
from coderl_env.experiment.run_folder import write_whole
from coderl_env.outcome import Outcome
from coderl_env.version import VERSION

if TYPE_CHECKING:
    from rich.table import Table

    from coderl_env.experiment.run_folder import RunFolder

__all__ = ["CURVE_NAME", "REPORT_NAME", "curve_png", "report_text", "screen_table", "summary_tables", "write_report"]

REPORT_NAME = "report.md"
CURVE_NAME = "learning_curve.png"

_METRICS = {"pass_at_1": "pass@1", "pass_at_5": "pass@5", "greedy": "greedy"}
_INTERVAL = "percent, [95 % interval] over problems"


def write_report(run: RunFolder, summary: Mapping[str, Any]) -> Path:
    """Write `report.md` and the learning curve into a run's folder, and return the report's path.

    Args:
        run: the run's folder.
        summary: what `coderl_env.experiment.training.train` returned.

    Raises:
        OSError: they cannot be written.
    """
    picture = curve_png(run.metrics())
    if picture is not None:
        write_whole(run.path / CURVE_NAME, picture)
    target = run.path / REPORT_NAME
    write_whole(target, report_text(summary, run.config, has_curve=picture is not None).encode())
    return target


def summary_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return a summary's tables for the screen: results, paired gains, outcomes."""
    return [screen_table(grid) for grid in _grids(summary)]


def screen_table(grid: Grid) -> Table:
    """Return a table for the screen; what its cells hold is never read as markup."""
    from rich.table import Table
    from rich.text import Text

    title = f"{grid.title}\n{grid.note}" if grid.note else grid.title
    table = Table(title=Text(title), title_justify="left")
    for index, column in enumerate(grid.columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table


def report_text(summary: Mapping[str, Any], config: Mapping[str, Any], *, has_curve: bool) -> str:
    """Return the report as Markdown.

    Args:
        summary: as in `summary.json`.
        config: as in `config.json`.
        has_curve: whether the picture of the learning curve lies beside the report.
    """
    parts = [f"# {summary.get('agent')} on {summary.get('env')}, seed {summary.get('seed')}"]
    parts += [f"## {grid.title}\n\n{markdown_table(grid)}" for grid in _grids(summary)]
    curve = f"![Learning curve]({CURVE_NAME})" if has_curve else _why_no_curve()
    parts.append(f"## Learning curve\n\n{curve}")
    settings = tuple((name, _cell(value)) for name, value in config.items())
    for grid in (
        Grid("Where this comes from", ("what", "value"), tuple(_provenance(summary))),
        Grid("Settings", ("setting", "value"), settings),
    ):
        parts.append(f"## {grid.title}\n\n{markdown_table(grid)}")
    return "\n\n".join(parts) + "\n"


def curve_png(metrics: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Return a picture of each stage's main figure over its steps, or None without matplotlib or without figures."""
    curves = list(_curves(metrics))
    if not curves or find_spec("matplotlib") is None:
        return None
    # The figure's own canvas: pyplot would keep global state and may ask for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(curves), 3.4), layout="constrained")
    for axes, (stage, name, steps, values) in zip(
        figure.subplots(1, len(curves), squeeze=False)[0], curves, strict=True
    ):
        axes.plot(steps, values, color="tab:blue", alpha=0.3, linewidth=1)
        axes.plot(steps, smoothed(values), color="tab:blue", linewidth=2)
        axes.set(title=row_label(stage).replace("_", " "), xlabel="step", ylabel=name.replace("_", " "))
        axes.grid(alpha=0.3)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)  # the figure draws on it from now on
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _grids(summary: Mapping[str, Any]) -> list[Grid]:
    grids = [_results(summary), _gains(summary), _outcomes(summary)]
    return [grid for grid in grids if grid.rows]


def _results(summary: Mapping[str, Any]) -> Grid:
    rows = summary.get("evaluation", {})
    names = [name for name in _METRICS if any(name in row for row in rows.values())]
    counts = "; ".join(sorted({_counts(row) for row in rows.values()}))
    cells = []
    for key, row in rows.items():
        label = _label(key, row)
        equal = row.get("equal_budget")
        if equal:
            # The comparison with the other rows is fair at their number of programs only.
            cells.append((f"{label}, {equal['samples']}", *(percent(equal.get(name)) for name in names)))
        if row.get("budget"):
            label = f"{label}, {row['budget']}"
        cells.append((label, *(percent(row.get(name)) for name in names)))
    columns = ("", *(_METRICS[name] for name in names))
    return Grid(f"Held-out problems ({counts}; {_INTERVAL})", columns, tuple(cells))


def _gains(summary: Mapping[str, Any]) -> Grid:
    cells = []
    names = list(_METRICS)
    rows = summary.get("evaluation", {})
    bases = {"gain": next(iter(rows), ""), "gain_over_ce": "ce_continued"}
    for key, row in rows.items():
        for field, base in bases.items():
            gain = row.get(field)
            if gain:
                label = f"{_label(key, row)} - {_label(base, {})}"
                cells.append((label, *(percent(gain.get(name), signed=True) for name in names)))
    return Grid(f"Paired gains ({_INTERVAL})", ("", *(_METRICS[name] for name in names)), tuple(cells))


def _outcomes(summary: Mapping[str, Any]) -> Grid:
    kinds = [outcome.value for outcome in Outcome]
    cells = []
    for key, row in summary.get("evaluation", {}).items():
        counts = row.get("outcomes", {})
        total = sum(counts.values())
        if total:
            cells.append((_label(key, row), *(f"{100 * counts.get(kind, 0) / total:.1f}" for kind in kinds)))
    columns = ("", *(kind.replace("_", " ") for kind in kinds))
    return Grid("Outcomes (percent of samples)", columns, tuple(cells))


def _label(key: str, row: Mapping[str, Any]) -> str:
    # Only where examples alone choose is there a comparison at an equal number of programs.
    return row_label(key, filtered="equal_budget" in row)


def _counts(row: Mapping[str, Any]) -> str:
    return f"{row.get('problems')} problems, {row.get('samples')} samples each, temperature {row.get('temperature')}"


def _provenance(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "coderl-env", VERSION
    for name in ("env", "dataset", "agent", "seed", "judge"):
        yield name, _cell(summary.get(name))
    for stage, seconds in summary.get("seconds", {}).items():
        yield f"seconds, {stage.replace('_', ' ')}", f"{seconds:.0f}"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value)) or "-"
    return "-" if value is None else str(value)


def _why_no_curve() -> str:
    if find_spec("matplotlib") is None:
        return "Not drawn: matplotlib is not installed; `pip install 'coderl-env[agents]'` brings it."
    return "Not drawn: no stage logged a figure that has a curve."


def _curves(metrics: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, list[int], list[float]]]:
    """Yield stage, figure, steps and values of each stage that logged at least two values of a known figure."""
    for stage in dict.fromkeys(line["stage"] for line in metrics):
        lines = [line for line in metrics if line["stage"] == stage]
        for name in CURVE_FIGURES:
            points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
            if len(points) >= 2:
                points.sort()
                yield stage, name, [step for step, _ in points], [value for _, value in points]
                break
