"""Cells as processes of this machine: started, listened to, stopped, killed."""

from __future__ import annotations

import os
import signal
import sys
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import multiprocess
from multiprocess import connection

from coderl_env.experiment.sweep.worker import Order, work

__all__ = ["CellProcess", "ProcessLauncher"]

_JOIN_SECONDS = 20.0


class ProcessLauncher:
    """Runs cells in processes of this machine; implements `coderl_env.experiment.sweep.launcher.Launcher`."""

    @property
    def processors(self) -> int:
        """Processors that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def start(self, order: Order) -> CellProcess:
        """Start a cell."""
        return CellProcess(order)

    def wait(self, cells: Sequence[CellProcess], seconds: float) -> None:
        """Return when one of the cells has something to say or has ended, or after `seconds`."""
        connection.wait([source for cell in cells for source in cell.sources], timeout=seconds)


class CellProcess:
    """A cell that is running; implements `coderl_env.experiment.sweep.launcher.RunningCell`.

    Spawned, not forked: the sweep may hold threads and torch.

    Attributes:
        started: `time.monotonic()` of its start.
    """

    def __init__(self, order: Order) -> None:
        context = multiprocess.get_context("spawn")
        self._channel, theirs = context.Pipe(duplex=True)
        self._process = context.Process(target=work, args=(order, theirs))
        with _threads(order.threads), _nameless_main():
            self._process.start()
        # The cell learns from the end of this pipe that the sweep is gone, so nobody else may hold it.
        theirs.close()
        self.started = time.monotonic()

    @property
    def sources(self) -> tuple[Any, Any]:
        """What to wait for: messages, and the end of the process."""
        return self._channel, self._process.sentinel

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """Yield the messages that have come."""
        with suppress(EOFError, OSError):
            while self._channel.poll():
                yield self._channel.recv()

    def ending(self) -> str | None:
        """Return how the process ended without saying so itself, or None while it runs."""
        if self._process.is_alive():
            return None
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ", for example for lack of memory" if name == "SIGKILL" else ""
            return f"its process was ended by {name}{hint}"
        return f"its process ended by itself with status {code}"

    def stop(self) -> None:
        """Ask the cell to save and end."""
        with suppress(OSError):
            self._channel.send("stop")

    def finish(self) -> None:
        """Wait for the end of a process that has said how it ended, and end it if it does not."""
        self._process.join(_JOIN_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and its group now."""
        pid = self._process.pid
        if self._process.is_alive():
            with suppress(OSError):
                if os.getpgid(pid) == pid:
                    os.killpg(pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
        self._channel.close()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let numerical libraries of processes started meanwhile use `count` threads; they read it while being loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(count)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _nameless_main() -> Iterator[None]:
    """Keep processes started meanwhile from running the caller's script or notebook once more.

    `multiprocessing` does so to have the script's classes there; here they travel by value, so that a script needs no
    guard around its call, and no cell pays for it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
