"""Running a sweep: cells in parallel processes, resumed where they were, gathered in one store.

A sweep's folder holds `sweep.sqlite`, `cells/` with an ordinary run folder per cell, and `logs/` with what each cell
printed. A cell's programs and figures are safe in its run folder from the moment they are judged, and come into the
store when the cell has ended; a sweep that is killed in between gathers that cell anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from coderl_env.experiment.run_folder import take_lock
from coderl_env.experiment.sweep.board import Board, SilentBoard
from coderl_env.experiment.sweep.config import SweepConfig
from coderl_env.experiment.sweep.launcher import Launcher
from coderl_env.experiment.sweep.plan import PlannedCell, plan_cells
from coderl_env.experiment.sweep.process import ProcessLauncher
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.runner import Runner
from coderl_env.experiment.sweep.store import STORE_NAME, SweepStore

__all__ = ["run_sweep"]


def run_sweep(
    config: SweepConfig | Mapping[str, Any],
    folder: Path | str,
    *,
    agents: Mapping[str, Callable[..., Any]] | None = None,
    parallel: int | None = None,
    board: Board | None = None,
    launcher: Launcher[Any] | None = None,
) -> list[Cell]:
    """Run the cells of a sweep that are not done, and return all cells.

    A cell that fails is recorded with its error and does not stop the others; the next call tries it again.

    Args:
        config: the sweep, as `read_sweep` returns it or as the mapping that such a file holds.
        folder: the sweep's folder; missing parents are created. A sweep that is there goes on.
        agents: factories, `make(spec, **settings)`, by the name that `config` calls them; they may be defined in a
            notebook.
        parallel: cells at once, instead of what `config` says.
        board: where to report.
        launcher: where cells run, by default in processes of this machine.

    Raises:
        ValueError: the sweep cannot be planned, or the folder holds another sweep or is in use.
        OSError: the folder cannot be written.
        KeyboardInterrupt: the user stopped the sweep; everything finished is kept, and the same call goes on.
    """
    given = dict(agents or {})
    sweep = config if isinstance(config, SweepConfig) else SweepConfig.from_dict(config)
    plan = plan_cells(sweep, tuple(given))
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with take_lock(place), SweepStore(place / STORE_NAME) as store:
        numbers = _enter(store, sweep, plan)
        where = launcher or ProcessLauncher()
        runner = Runner(plan, numbers, store, place, given, board or SilentBoard(), where)
        runner.run(parallel or sweep.parallel or max(1, where.processors // 2), sweep.cell_timeout_seconds)
        # What a full disk kept out of the store is told all the same.
        return [runner.ended(cell) for cell in store.cells()]


def _enter(store: SweepStore, sweep: SweepConfig, plan: Sequence[PlannedCell]) -> dict[str, int]:
    """Enter cells that are new into the store, and return the number of each.

    Raises:
        ValueError: the store holds cells of another sweep, or the same ones with other settings.
    """
    stored = {cell.name: cell for cell in store.cells()}
    remedy = "name another folder with --out, or undo the change"
    for name in stored:
        if name not in {cell.name for cell in plan}:
            raise ValueError(f"{store.path} has a cell {name!r} that this sweep has not; {remedy}")
    cells: list[Cell] = []
    fresh = count(1 + max((cell.cell for cell in stored.values()), default=-1))
    for cell in plan:
        settings = _settings(cell)
        known = stored.get(cell.name)
        if known is None:
            key = (next(fresh), cell.name, cell.variant, cell.agent, cell.config.env)
            cells.append(Cell(*key, settings, cell.config.seed, folder=cell.folder))
        elif dict(known.settings) != settings and _is_unused(store.path.parent / cell.folder):
            # It failed before it did anything, and somebody mended its settings.
            shutil.rmtree(store.path.parent / cell.folder, ignore_errors=True)
            cells.append(replace(known, settings=settings, status="waiting", error=None))
        elif dict(known.settings) != settings:
            changed = next(name for name in settings if known.settings.get(name) != settings[name])
            raise ValueError(
                f"{store.path} has cell {cell.name!r} with {changed} {known.settings.get(changed)!r}, and now it is "
                f"{settings[changed]!r}; {remedy}"
            )
    store.put_cells(cells)
    store.describe({"name": sweep.name, "config": sweep.to_dict()})
    return {name: cell.cell for name, cell in stored.items()} | {cell.name: cell.cell for cell in cells}


def _is_unused(folder: Path) -> bool:
    """Whether the run in `folder`, if there is one, has neither judged a program nor taken a step."""
    metrics = folder / "metrics.jsonl"
    return not (folder / "samples.sqlite").exists() and not (metrics.exists() and metrics.stat().st_size)


def _settings(cell: PlannedCell) -> dict[str, Any]:
    """Return a cell's configuration as the store holds it: the warm start by name, wherever the sweep's folder lies."""
    settings: dict[str, Any] = json.loads(json.dumps(cell.config.to_dict()))
    return settings if cell.waits_for is None else {**settings, "start_from": f"{cell.waits_for}:{cell.checkpoint}"}
