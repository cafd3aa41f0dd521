"""Copies of a run's figures: for TensorBoard where it is installed, for Weights & Biases where the user asked for it.

Never the record itself: that is `metrics.jsonl`.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

__all__ = ["WANDB_VARIABLE", "Events", "open_events"]

# Names the project on Weights & Biases. A variable, so that the processes of a sweep's cells inherit it.
WANDB_VARIABLE = "CODERL_WANDB"

_LOGGER = logging.getLogger(__name__)


class Events(Protocol):
    """Where figures go besides the run's own file."""

    def add(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        """Write figures as `<stage>/<name>`; those that are not finite are left out."""
        ...

    def close(self) -> None:
        """Write what is waiting."""
        ...


class _Copies:
    """Any number of writers; without one nothing is written."""

    def __init__(self, writers: Sequence[Events]) -> None:
        self._writers = writers

    def add(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        for writer in self._writers:
            writer.add(stage, step, figures)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class _TensorBoardEvents:
    def __init__(self, folder: Path) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(folder))
        self._broken = False

    def add(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        self._guarded([(f"{stage}/{name}", float(value), step) for name, value in figures.items()])

    def close(self) -> None:
        if not self._broken:
            self._writer.close()

    def _guarded(self, scalars: list[tuple[str, float, int]]) -> None:
        """Write scalars; a copy of the figures that cannot be written is no reason to stop the run."""
        if self._broken:
            return
        try:
            for name, value, step in scalars:
                if math.isfinite(value):
                    self._writer.add_scalar(name, value, step)
        except OSError as error:
            self._broken = True
            _LOGGER.warning("no more TensorBoard events are written: %s", error)


class _WandbEvents:
    def __init__(self, folder: Path, project: str) -> None:
        import wandb

        place = str(folder.resolve())
        # The same run folder is the same run there, so that a resumed run goes on.
        identity = hashlib.sha256(place.encode()).hexdigest()[:16]
        try:
            self._run = wandb.init(
                project=project,
                id=identity,
                name=folder.name,
                dir=place,
                resume="allow",
                settings=wandb.Settings(console="off", silent=True),
            )
        except wandb.errors.Error as error:
            raise ValueError(
                f"Weights & Biases: {' '.join(str(error).split())}; run `wandb login`, or leave --wandb out"
            ) from error

    def add(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        finite = {f"{stage}/{name}": float(value) for name, value in figures.items() if math.isfinite(value)}
        # Stages count steps of their own, and W&B's own count may only grow.
        self._run.log({**finite, f"{stage}/step": step})

    def close(self) -> None:
        self._run.finish()


def open_events(folder: Path) -> Events:
    """Return a writer of copies for the run in `folder`; it writes nothing where nothing is installed or asked for."""
    writers: list[Events] = []
    if find_spec("tensorboard") is not None:
        writers.append(_TensorBoardEvents(folder / "tensorboard"))
    project = os.environ.get(WANDB_VARIABLE)
    if project:
        writers.append(_WandbEvents(folder, project))
    return _Copies(writers)
