"""Where cells run: what a sweep asks of this machine's processes, or of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from coderl_env.experiment.sweep.worker import Order

__all__ = ["Launcher", "RunningCell"]


class RunningCell(Protocol):
    """A cell that was started.

    Attributes:
        started: `time.monotonic()` of its start.
    """

    started: float

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """Yield the messages that have come; `coderl_env.experiment.sweep.worker` says what they are."""
        ...

    def ending(self) -> str | None:
        """Return how the cell ended where it could not say so itself, or None."""
        ...

    def stop(self) -> None:
        """Ask the cell to save and end."""
        ...

    def finish(self) -> None:
        """Wait for a cell that has said how it ended."""
        ...

    def kill(self) -> None:
        """End the cell now; calling it twice is legal."""
        ...


Running = TypeVar("Running", bound=RunningCell)


class Launcher(Protocol[Running]):
    """Starts cells."""

    @property
    def processors(self) -> int:
        """Processors that all cells share."""
        ...

    def start(self, order: Order) -> Running:
        """Start a cell."""
        ...

    def wait(self, cells: Sequence[Running], seconds: float) -> None:
        """Return when one of the cells has something to say or has ended, or after `seconds`."""
        ...
