"""The runner: starts cells, listens to them, and settles what became of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import dill

from coderl_env.experiment.run_folder import RunFolderError, read_config
from coderl_env.experiment.sweep.board import Board, CellState
from coderl_env.experiment.sweep.gather import gather_cell, run_provenance, run_seconds
from coderl_env.experiment.sweep.launcher import Launcher, RunningCell
from coderl_env.experiment.sweep.plan import PlannedCell
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.experiment.sweep.worker import Order
from coderl_env.experiment.training import TrainConfig
from coderl_env.experiment.workbench import Stopping

__all__ = ["LOGS_FOLDER", "Runner"]

LOGS_FOLDER = "logs"
_POLL_SECONDS = 0.3
_GRACE_SECONDS = 120.0  # for cells that were asked to stop; a step of a large model takes long


class Runner:
    """Runs the cells of a plan that the store does not know as done.

    Args:
        plan: all cells.
        numbers: the number of each in the store, by name.
        store: where everything is gathered.
        folder: the sweep's folder.
        factories: agents that were passed as objects.
        board: where to report.
        launcher: where cells run.
    """

    def __init__(
        self,
        plan: Sequence[PlannedCell],
        numbers: Mapping[str, int],
        store: SweepStore,
        folder: Path,
        factories: Mapping[str, Callable[..., Any]],
        board: Board,
        launcher: Launcher[Any],
    ) -> None:
        self._plan = {cell.name: cell for cell in plan}
        self._numbers = numbers
        self._store = store
        self._folder = folder.resolve()
        # By value, with everything they refer to: the module that they were defined in may be a notebook.
        self._factories = dill.dumps(dict(factories), recurse=True) if factories else b""
        self._board = board
        self._launcher = launcher
        self._running: dict[str, RunningCell] = {}
        self._stopping = False
        stored = {cell.name: cell for cell in store.cells()}
        self._states = {name: CellState() for name in self._plan}
        for name, state in self._states.items():
            if stored[name].status == "done":
                state.status, state.seconds = "done", stored[name].seconds or 0.0

    def run(self, parallel: int, timeout_seconds: float | None) -> None:
        """Run until no cell can be run any more.

        Raises:
            KeyboardInterrupt: the user stopped the sweep.
        """
        try:
            with Stopping() as stopping:
                while not stopping.requested and (self._running or self._ready()):
                    for name in self._ready()[: parallel - len(self._running)]:
                        self._start(name, parallel)
                    self._listen(timeout_seconds)
                if stopping.requested:
                    self._stop()
                    raise KeyboardInterrupt
        finally:
            for running in self._running.values():
                running.kill()
        self._board.show(self._states)

    def ended(self, cell: Cell) -> Cell:
        """Return a stored cell with what became of it, whether or not the store could be told."""
        state = self._states[cell.name]
        return replace(cell, status=state.status, error=state.error)

    def _ready(self) -> list[str]:
        """Return the cells that wait for nothing any more; those whose warm start failed fail with it."""
        ready = []
        for name, state in self._states.items():
            before = self._plan[name].waits_for
            if state.status != "waiting":
                continue
            if before is None or self._states[before].status == "done":
                ready.append(name)
            elif self._states[before].status == "failed":
                self._settle(name, f"its warm start, cell {before!r}, failed: {self._states[before].error}")
        return ready

    def _start(self, name: str, parallel: int) -> None:
        config = self._config(name)
        if self._is_finished(name, config):
            # Killed between the end of the run and the end of its gathering.
            self._settle(name, None)
            return
        share = max(1, self._launcher.processors // parallel)
        cell = self._plan[name]
        order = Order(
            folder=str(self._folder / cell.folder),
            log=str(self._folder / LOGS_FOLDER / f"{Path(cell.folder).name}.log"),
            config=config.to_dict(),
            threads=share,
            judge_workers=share,
            factories=self._factories,
            python_path=() if cell.python_path is None else (cell.python_path,),
        )
        self._mark(name, "running")
        self._running[name] = self._launcher.start(order)

    def _config(self, name: str) -> TrainConfig:
        cell = self._plan[name]
        if cell.waits_for is None:
            return cell.config
        start = self._folder / self._plan[cell.waits_for].folder / "checkpoints" / cell.checkpoint
        return replace(cell.config, start_from=str(start))

    def _is_finished(self, name: str, config: TrainConfig) -> bool:
        folder = self._folder / self._plan[name].folder
        if not (folder / "summary.json").exists() or not (folder / "report.md").exists():
            return False
        try:
            return TrainConfig.from_dict(read_config(folder)) == config
        except (RunFolderError, ValueError):
            return False

    def _listen(self, timeout_seconds: float | None) -> None:
        self._launcher.wait(list(self._running.values()), _POLL_SECONDS)
        for name, running in list(self._running.items()):
            # Looked at before its messages are: what it said last must not be missed.
            ending = running.ending()
            settled = self._read(name, running)
            age = time.monotonic() - running.started
            if settled:
                continue
            if ending is not None and self._stopping:
                self._running.pop(name).kill()
                self._mark(name, "waiting")
            elif ending is not None:
                self._end(name, ending)
            elif timeout_seconds is not None and age > timeout_seconds:
                self._end(name, f"it took longer than {timeout_seconds:g} seconds (cell_timeout_seconds)")
            else:
                self._states[name].seconds = age
        self._board.show(self._states)

    def _read(self, name: str, running: RunningCell) -> bool:
        """Read a cell's messages, and return whether it has ended with them."""
        state = self._states[name]
        for kind, *content in running.messages():
            if kind == "stage":
                state.stage, state.total, state.unit = content
                state.done, state.figures = 0.0, {}
            elif kind == "advance":
                _, state.done, state.figures = content
            elif kind == "stopped":
                running.finish()
                del self._running[name]
                self._mark(name, "waiting")
                return True
            else:
                running.finish()
                self._end(name, content[0])
                return True
        return False

    def _end(self, name: str, error: str | None) -> None:
        self._running.pop(name).kill()
        self._settle(name, error)

    def _settle(self, name: str, error: str | None) -> None:
        """Gather what a cell has, and record what became of it."""
        folder = self._folder / self._plan[name].folder
        number = self._numbers[name]
        provenance: Mapping[str, Any] = {}
        seconds = 0.0
        try:
            gather_cell(self._store, number, folder)
            seconds, provenance = run_seconds(folder), run_provenance(folder)
        except (OSError, ValueError) as fault:
            error = error or f"its results could not be gathered: {fault}"
        self._mark(name, "done" if error is None else "failed", error, seconds, provenance)

    def _mark(
        self,
        name: str,
        status: str,
        error: str | None = None,
        seconds: float | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        state = self._states[name]
        state.status, state.error = status, error
        if seconds is not None:
            state.seconds = seconds
        # A store that cannot be written (a full disk) must not stop the other cells: an unrecorded cell is gathered
        # again by the next call.
        with suppress(OSError):
            self._store.set_status(self._numbers[name], status, error=error, seconds=seconds, provenance=provenance)

    def _stop(self) -> None:
        """Let the running cells save what they have, and wait for them."""
        self._stopping = True
        for running in self._running.values():
            running.stop()
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._running and time.monotonic() < deadline:
            self._listen(None)
