"""What a cell's process does: train in a run folder as `coderl train` does, and tell the sweep how it goes.

Messages to the sweep are tuples: `("stage", name, total, unit)`, `("advance", name, done, figures)`, and at the end one
of `("done", None)`, `("failed", sentence)`, `("stopped", None)`. The sweep sends `"stop"` where the user asked for it.
When the sweep itself is gone, the cell ends at once: its run folder loses nothing by that.
"""

from __future__ import annotations

import json
import math
import os
import platform
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import dill

from coderl_env.experiment.report import write_report
from coderl_env.experiment.run_folder import RunFolder, RunFolderError
from coderl_env.experiment.sweep.gather import ATTEMPTS_NAME, CELL_NAME
from coderl_env.experiment.sweep.hardware import describe_hardware
from coderl_env.experiment.sweep.plan import GIVEN_AGENTS
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.experiment.workbench import open_split
from coderl_env.version import VERSION

__all__ = ["Channel", "Order", "attempt", "run_cell", "work"]


_LOCK_SECONDS = 10.0  # an earlier process of the cell may need so long to be gone
_MESSAGE_SECONDS = 0.3


class Channel(Protocol):
    """One end of a pipe."""

    def send(self, message: Any) -> None:
        """Send a message."""
        ...

    def recv(self) -> Any:
        """Wait for a message; EOFError where the other end is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """Everything that a cell's process needs to know.

    Attributes:
        folder: the run's folder.
        log: the file that everything printed goes to, tracebacks included.
        config: `TrainConfig.to_dict()`: what the run is.
        threads: torch threads where the configuration leaves them open; no part of what the run is.
        judge_workers: judge processes, likewise.
        factories: agents that were passed as objects: a mapping of name to factory, pickled by `dill`.
        python_path: folders to import agents from.
    """

    folder: str
    log: str
    config: Mapping[str, Any]
    threads: int
    judge_workers: int
    factories: bytes = b""
    python_path: tuple[str, ...] = ()


def work(order: Order, channel: Channel) -> None:
    """Run a cell in a process of its own. Returns when the sweep has been told how it ended."""
    # A group of its own: Ctrl-C reaches the sweep alone, which passes it on once, and a cell that hangs can be killed
    # with its judge.
    with suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    _redirect_output(Path(order.log))
    threading.Thread(target=_obey, args=(channel,), daemon=True).start()
    ending = attempt(order, channel.send)
    with suppress(OSError):
        channel.send(ending)


def attempt(order: Order, send: Callable[[Any], None]) -> tuple[str, str | None]:
    """Run a cell in this process, and return how it ended: `done`, `stopped`, or `failed` and why."""
    try:
        run_cell(order, send)
    except KeyboardInterrupt:
        return "stopped", None
    except BaseException as error:  # noqa: BLE001 - whatever an agent does wrong is that cell's failure, and no other's
        with suppress(OSError):
            traceback.print_exception(error)
            sys.stderr.flush()
        return "failed", _sentence(error)
    return "done", None


def run_cell(order: Order, send: Callable[[Any], None]) -> None:
    """Train, evaluate and report as `coderl train` does, in this process.

    Raises:
        Exception: whatever the run raises; what is finished is in its folder.
    """
    sys.path[:0] = [folder for folder in order.python_path if folder not in sys.path]
    if order.factories:
        module = types.ModuleType(GIVEN_AGENTS)
        vars(module).update(dill.loads(order.factories))
        sys.modules[GIVEN_AGENTS] = module
    config = TrainConfig.from_dict(order.config)
    with _open_patiently(Path(order.folder), order.config) as run:
        with _Attempt(run.path / ATTEMPTS_NAME):
            if not (run.path / CELL_NAME).exists():
                run.write_json(CELL_NAME, _facts(config))
            # How a machine divides its processors is no part of what a run is, and may change before it is resumed.
            fitted = replace(
                config,
                threads=config.threads or order.threads,
                judge_workers=config.judge_workers or order.judge_workers,
            )
            summary = train(fitted, run, _Reporter(send))
        write_report(run, summary)


class _Reporter:
    """Passes progress on, now and then, and ends a run whose rewards or losses are no numbers any more."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        self._send = send
        self._sent = 0.0

    def start(self, stage: str, total: float, unit: str) -> None:
        self._send(("stage", stage, total, unit))

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            if not math.isfinite(float(value)) and ("loss" in name or "reward" in name):
                raise ValueError(
                    f"{name} is {value} in stage {stage}; what follows would mean nothing, so it ends here"
                )
        if time.monotonic() - self._sent > _MESSAGE_SECONDS:
            self._sent = time.monotonic()
            self._send(("advance", stage, done, {name: float(value) for name, value in islice(figures.items(), 4)}))

    def finish(self, stage: str) -> None:
        pass


class _Attempt:
    """Notes when an attempt at the run began and ended, so that pauses between attempts count as no time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._note("begin")

    def __exit__(self, *_: object) -> None:
        # On a full disk the attempt's last figures say when it ended.
        with suppress(OSError):
            self._note("end")

    def _note(self, event: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, "time": time.time()}) + "\n")


def _open_patiently(folder: Path, config: Mapping[str, Any]) -> RunFolder:
    """Open the run folder; wait a moment for a process of the same cell that is just being killed."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return RunFolder.open(folder, config)
        except RunFolderError as error:
            if "another process" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _facts(config: TrainConfig) -> dict[str, Any]:
    """Return what the store wants to know of a run and its folder does not hold."""
    problems = islice(open_split(config, config.eval_split), config.eval_problems)
    return {
        "difficulties": {problem.id: problem.difficulty for problem in problems if problem.difficulty is not None},
        "provenance": {"version": VERSION, "python": platform.python_version(), "hardware": describe_hardware()},
    }


def _redirect_output(file: Path) -> None:
    """Let everything that the run prints go to a file, out of the way of the sweep's table."""
    file.parent.mkdir(parents=True, exist_ok=True)
    target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(target, descriptor)
    os.close(target)


def _obey(channel: Channel) -> None:
    """Pass a wish to stop on to the main thread, as Ctrl-C would; end with the sweep when that is gone."""
    try:
        while channel.recv() == "stop":
            os.kill(os.getpid(), signal.SIGINT)
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGKILL)


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split()) or "no message"
    expected = isinstance(error, (ValueError, OSError))
    return text if expected else f"{type(error).__name__}: {text}"
