"""Cells on a Ray cluster of several nodes, one of which is killed. Needs ray: `pip install 'coderl-env[ray]'`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from coderl_env.experiment.sweep.ray_cells import RayLauncher
from coderl_env.experiment.sweep.run import run_sweep
from coderl_env.experiment.sweep.store import SweepStore

HAS_RAY = find_spec("ray") is not None
Small = Callable[..., dict[str, Any]]


class KillsANode:
    """A board that takes a node away as soon as cells have samples, and remembers that it did."""

    def __init__(self, cluster: Any, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.killed_at: float | None = None

    def show(self, states: Any) -> None:
        started = list(self.folder.glob("cells/*/metrics.jsonl"))
        if self.killed_at is None and sum(file.stat().st_size > 0 for file in started) >= 4:
            self.cluster.remove_node(next(iter(self.cluster.worker_nodes)), allow_graceful=False)
            self.killed_at = time.monotonic()


def _programs(folder: Path) -> list[tuple[Any, ...]]:
    with SweepStore(folder, read_only=True) as store:
        return [
            (cell.name, sample.row, sample.step, sample.task_id, sample.sample_index, sample.program, sample.outcome)
            for cell in store.cells()
            for sample in store.samples(cell.cell)
        ]


@pytest.mark.skipif(HAS_RAY, reason="ray is installed")
def test_without_ray_the_error_says_what_to_install() -> None:
    with pytest.raises(ValueError, match=r"pip install 'coderl-env\[ray\]'"):
        RayLauncher("local")


@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
def test_an_address_where_nothing_listens_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="Connection refused"):
        RayLauncher("127.0.0.1:1")


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
def test_a_node_that_dies_loses_nothing_and_nothing_counts_twice(small: Small, cluster: Any, tmp_path: Path) -> None:
    values = small(agents=["coderl_agents.random_agent:make"], seeds=4, budget={"steps": 60}, parallel=4)
    values["settings"] |= {"threads": 1, "judge_workers": 1}
    board = KillsANode(cluster, tmp_path / "cluster")
    cells = run_sweep(values, tmp_path / "cluster", board=board, launcher=RayLauncher(cluster.address))
    assert board.killed_at is not None
    assert [(cell.status, cell.error) for cell in cells] == [("done", None)] * 4
    attempts = [
        (tmp_path / "cluster" / str(cell.folder) / "attempts.jsonl").read_text().count("begin") for cell in cells
    ]
    assert max(attempts) > 1, "no cell ran on the node that was killed"
    found = _programs(tmp_path / "cluster")
    assert max(Counter(key[:5] for key in found).values()) == 1
    run_sweep({**values, "parallel": 2}, tmp_path / "whole")
    assert found == _programs(tmp_path / "whole")
