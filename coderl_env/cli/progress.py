"""The progress bars of a run, on standard error. Where that is no terminal, one line when a stage begins and ends."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["TerminalProgress"]

_SHOWN_FIGURES = 4


class TerminalProgress:
    """Shows the stages of a run; implements `coderl_env.experiment.training.Progress`. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._figures: dict[str, str] = {}

    def start(self, stage: str, total: float, unit: str) -> None:
        """Show a new stage."""
        self._began[stage] = time.monotonic()
        self._figures[stage] = ""
        if self._console.is_terminal:
            self._tasks[stage] = self._bars.add_task(stage, total=total, unit=unit, figures="")
        else:
            self._console.print(f"{stage}: up to {total:.0f} {unit}", markup=False)

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        """Move a stage's bar and show its newest figures."""
        if figures:
            chosen = list(figures.items())[:_SHOWN_FIGURES]
            self._figures[stage] = "  ".join(f"{name} {value:.3g}" for name, value in chosen)
        if stage in self._tasks:
            self._bars.update(self._tasks[stage], completed=done, figures=self._figures[stage])

    def finish(self, stage: str) -> None:
        """Show that a stage ended, at however much of its total."""
        if stage in self._tasks:
            self._bars.stop_task(self._tasks[stage])
        elif stage in self._began:
            seconds = time.monotonic() - self._began[stage]
            self._console.print(
                f"{stage}: done in {seconds:.0f} seconds  {self._figures[stage]}".rstrip(), markup=False
            )

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
