"""Cells as tasks of a Ray cluster, all of whose nodes see the sweep's folder under the same path.

A cell whose node dies is started again on another, where it goes on in its run folder: samples are written there from
the moment they are judged, and are identified by stage, step, problem and number, so none is lost or counted twice. Ray
shows what the cells print; the table shows which cells run.

Ray is optional (`pip install 'coderl-env[ray]'`) and imported when a launcher is made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from coderl_env.experiment.sweep.worker import Order, attempt
from coderl_env.judge.ray_cluster import connect

__all__ = ["RayCell", "RayLauncher"]

_RETRIES = 10  # of a cell whose node or process died; an agent's own error is no reason to try again


class RayLauncher:
    """Starts cells on a Ray cluster; implements `coderl_env.experiment.sweep.launcher.Launcher`.

    Args:
        address: of a running cluster (`auto` finds the one of this machine), or `local` to start one here.

    Raises:
        ValueError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(self, address: str) -> None:
        self._ray = ray = connect(address)
        # The work itself is retried where a node was lost, and nowhere else.
        self._work = ray.remote(max_retries=_RETRIES, retry_exceptions=False)(_work)

    @property
    def processors(self) -> int:
        """Processors of the whole cluster."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def start(self, order: Order) -> RayCell:
        """Hand a cell to the cluster, which starts it where as many processors are free as it has threads."""
        return RayCell(self._ray, self._work.options(num_cpus=order.threads).remote(order))

    def wait(self, cells: Sequence[RayCell], seconds: float) -> None:
        """Return when one of the cells has ended, or after `seconds`."""
        if cells:
            self._ray.wait([cell.result for cell in cells], num_returns=1, timeout=seconds)
        else:
            time.sleep(seconds)


class RayCell:
    """A cell on the cluster; implements `coderl_env.experiment.sweep.launcher.RunningCell`.

    Attributes:
        result: Ray's reference to how the cell ended.
        started: `time.monotonic()` of its handing over.
    """

    def __init__(self, ray: Any, result: Any) -> None:
        self._ray = ray
        self.result = result
        self.started = time.monotonic()
        self._told = False

    def messages(self) -> Iterator[tuple[Any, ...]]:
        """Yield how the cell ended, once."""
        if self._is_ready() and not self._told:
            with suppress(self._ray.exceptions.RayError):
                ending = self._ray.get(self.result)
                self._told = True
                yield ending

    def ending(self) -> str | None:
        """Return why the cell ended without saying so: its node or process died more often than it is retried."""
        if self._told or not self._is_ready():
            return None
        try:
            self._ray.get(self.result)
        except self._ray.exceptions.TaskCancelledError:
            return "it was cancelled"
        except self._ray.exceptions.RayError as error:
            return f"the cluster lost it: {' '.join(str(error).split())[:300]}"
        return None

    def stop(self) -> None:
        """Interrupt the task, as Ctrl-C would."""
        self._ray.cancel(self.result, force=False)

    def finish(self) -> None:
        """Do nothing: a task that said how it ended has ended."""

    def kill(self) -> None:
        """End the task's process."""
        if not self._is_ready():
            self._ray.cancel(self.result, force=True)

    def _is_ready(self) -> bool:
        return bool(self._ray.wait([self.result], timeout=0)[0])


def _work(order: Order) -> tuple[str, str | None]:
    return attempt(order, lambda _: None)
