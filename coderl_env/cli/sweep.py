"""`coderl sweep`: a grid of agents, environments, settings and seeds."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from coderl_env.cli.options import JsonOption, WandbOption, allow_agents_here, use_wandb
from coderl_env.cli.terminal import Stopped, emit_json, emit_table, printable, progress_console, say
from coderl_env.experiment.sweep.board import CellState
from coderl_env.experiment.sweep.budget import STAGES
from coderl_env.experiment.sweep.config import SweepConfig, read_sweep
from coderl_env.experiment.sweep.plan import PlannedCell, plan_cells
from coderl_env.experiment.sweep.ray_cells import RayLauncher
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.run import run_sweep

__all__ = ["TerminalBoard", "sweep_command"]

_SHOWN_FIGURES = 3
_REFRESH_SECONDS = 0.25


def sweep_command(
    file: Annotated[Path, typer.Argument(help="The sweep: a YAML file; docs/sweeps.md says what is in it.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The sweep's folder.", show_default="runs/ and the sweep's name")
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option("--parallel", min=1, help="Cells at once.", show_default="the file's, or one per two processors"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option("--ray", help="Run the cells on the Ray cluster at this address; local starts one here."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the table of cells and run nothing.")] = False,
    wandb: WandbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run every cell of a sweep in a process of its own. The same command again goes on, and tries failed cells again.

    A cell that fails is recorded with its error and does not stop the others; the exit status is 1 then.

    Example: coderl sweep benchmarks/sweeps/smoke.yaml --parallel 2
    """
    use_wandb(wandb)
    allow_agents_here()
    sweep = read_sweep(file)
    folder = Path("runs") / sweep.name if out is None else out
    if dry_run:
        plan = plan_cells(sweep)
        if as_json:
            emit_json([_plan_record(cell) for cell in plan])
        else:
            emit_table(_plan_table(sweep, plan))
        return
    cells = _run(sweep, folder, parallel, ray)
    if as_json:
        emit_json({"name": sweep.name, "folder": str(folder), "cells": [_cell_record(cell) for cell in cells]})
    else:
        emit_table(_result_table(sweep, cells))
        say(f"report: coderl report {shlex.quote(str(folder))}")
    if any(cell.status != "done" for cell in cells):
        raise typer.Exit(1)


class TerminalBoard:
    """Shows the cells as a live table on standard error; where that is no terminal, a line when a cell begins or ends.

    Implements `coderl_env.experiment.sweep.board.Board`. Use it as a context manager.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._shown = 0.0
        self._known: dict[str, str] = {}

    def show(self, states: Mapping[str, CellState]) -> None:
        """Show the states."""
        for name, state in states.items():
            if self._known.get(name, "waiting") != state.status:
                self._known[name] = state.status
                self._console.print(_line(name, state), markup=False, soft_wrap=True)
        if self._live is not None and time.monotonic() - self._shown > _REFRESH_SECONDS:
            self._shown = time.monotonic()
            self._live.update(_state_table(states), refresh=True)

    def __enter__(self) -> TerminalBoard:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def _run(sweep: SweepConfig, folder: Path, parallel: int | None, ray: str | None) -> list[Cell]:
    launcher = None if ray is None else RayLauncher(ray)
    say(f"sweep: {folder}")
    try:
        with TerminalBoard(progress_console()) as board:
            return run_sweep(sweep, folder, parallel=parallel, board=board, launcher=launcher)
    except KeyboardInterrupt:
        command = shlex.join(["coderl", *sys.argv[1:]])
        done = f"everything finished is in {folder}, and the same command goes on"
        raise Stopped(f"stopped; {done}: {command}") from None


def _line(name: str, state: CellState) -> str:
    if state.status == "failed":
        return f"{name}: failed: {printable(state.error or '')}"
    if state.status == "done":
        return f"{name}: done in {state.seconds:.0f} seconds"
    return f"{name}: {state.status}"


def _state_table(states: Mapping[str, CellState]) -> Table:
    table = Table("cell", "status", "stage", "progress", "seconds", "figures")
    running = {name: state for name, state in states.items() if state.status == "running"}
    for name, state in running.items():
        progress = f"{state.done:.0f}/{state.total:.0f} {state.unit}" if state.total else ""
        figures = "  ".join(f"{key} {value:.3g}" for key, value in list(state.figures.items())[:_SHOWN_FIGURES])
        table.add_row(name, state.status, state.stage, progress, f"{state.seconds:.0f}", figures)
    counts = [f"{sum(state.status == kind for state in states.values())} {kind}" for kind in ("done", "failed")]
    waiting = sum(state.status == "waiting" for state in states.values())
    table.caption = f"{', '.join(counts)}, {waiting} waiting, {len(states)} cells"
    return table


def _plan_table(sweep: SweepConfig, plan: Sequence[PlannedCell]) -> Table:
    table = Table(
        "cell", "agent", "env", "seed", "budget", "settings", "starts from", title=f"{sweep.name}: {len(plan)} cells"
    )
    for cell in plan:
        config = cell.config
        settings = " ".join(f"{name}={value}" for name, value in config.settings.items())
        table.add_row(
            cell.name, config.agent, config.env, str(config.seed), _budget(cell), settings, cell.waits_for or ""
        )
    return table


def _budget(cell: PlannedCell) -> str:
    parts = []
    for stage in STAGES:
        steps, seconds = (getattr(cell.config, f"{stage}_{unit}") for unit in ("steps", "seconds"))
        limits = [f"{steps} steps"] if steps is not None else []
        limits += [f"{seconds:g} s"] if seconds is not None else []
        if limits:
            parts.append(f"{stage} {' or '.join(limits)}")
    return ", ".join(parts)


def _plan_record(cell: PlannedCell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "variant": cell.variant,
        "agent": cell.agent,
        "folder": cell.folder,
        "waits_for": cell.waits_for,
        "config": cell.config.to_dict(),
    }


def _cell_record(cell: Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "status": cell.status,
        "error": cell.error,
        "seconds": cell.seconds,
        "folder": cell.folder,
    }


def _result_table(sweep: SweepConfig, cells: Sequence[Cell]) -> Table:
    table = Table("cell", "status", "seconds", "error", title=sweep.name, title_justify="left")
    for cell in cells:
        seconds = "" if cell.seconds is None else f"{cell.seconds:.0f}"
        table.add_row(cell.name, cell.status, seconds, printable(cell.error or ""))
    return table
