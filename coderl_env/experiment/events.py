"""TensorBoard events of a run, where tensorboard is installed. Never the record itself: that is `metrics.jsonl`."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

__all__ = ["Events", "open_events"]

_LOGGER = logging.getLogger(__name__)


class Events(Protocol):
    """Where figures go besides the run's own file."""

    def add(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        """Write figures as `<stage>/<name>`; those that are not finite are left out."""
        ...

    def close(self) -> None:
        """Write what is waiting."""
        ...


class _NoEvents:
    def add(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        pass

    def close(self) -> None:
        pass


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


def open_events(folder: Path) -> Events:
    """Return a writer of TensorBoard events into `folder`, or one that writes nothing where it is not installed."""
    return _TensorBoardEvents(folder) if find_spec("tensorboard") is not None else _NoEvents()
