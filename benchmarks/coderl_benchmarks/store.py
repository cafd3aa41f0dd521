"""How large a sweep's store may grow: writing a million judged samples, and counting them.

    python -m coderl_benchmarks.store --samples 1000000 --folder /tmp/store
    python -m coderl_benchmarks.store --read-only --folder /tmp/store

Programs and judgements are all different, which is the worst case: equal ones are stored once.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

from coderl_env.experiment.sweep.records import GREEDY, TRAINING, Cell, Metric, StoredSample
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.outcome import Outcome

__all__ = ["cell_samples", "main"]

_CELLS = 10
_ROWS = ("warm_start", "rl")
_DRAWN = 10  # samples of each problem of a row, besides the greedy one
_DIFFICULTIES = ("introductory", "interview", "competition")
_JUDGEMENT_BYTES = 2048
_STEPS = 1000  # that logged figures, in each cell
_FIGURES = 10


def cell_samples(cell: int, count: int) -> Iterator[StoredSample]:
    """Yield `count` samples of a cell: half of them of two rows of the final table, the others of training."""
    rng = Random(cell)
    problems = max(1, count // 2 // len(_ROWS) // (_DRAWN + 1))
    made = 0
    for row in _ROWS:
        for problem in range(problems):
            for index in range(GREEDY, _DRAWN):
                made += 1
                yield _sample(rng, row, 0, problem, index)
    for number in range(count - made):
        yield _sample(rng, f"{TRAINING}rl", number // 256, number % 256 // 16, number % 16)


def _sample(rng: Random, row: str, step: int, problem: int, index: int) -> StoredSample:
    outcome = rng.choices(list(Outcome), weights=(1, 2, 4, 3))[0]
    noise = f"{rng.getrandbits(256):x}"
    judgement = {
        "outcome": outcome.value,
        "cases": [{"verdict": "accepted", "output": f"{noise}{case}", "cpu_seconds": 0.01} for case in range(16)],
    }
    padding = _JUDGEMENT_BYTES - len(json.dumps(judgement))
    return StoredSample(
        row=row,
        step=step,
        task_id=f"apps/test/{problem:04}",
        sample_index=index,
        difficulty=_DIFFICULTIES[problem % 3],
        outcome=outcome,
        reward=(-1.0, -0.6, -0.3, 1.0)[outcome.index],
        passed_examples=index % 2 == 0,
        program=f"n = int(input())\nprint(n + 1)  # {noise}\n" * 3,
        judgement=judgement | {"compile_error": "x" * max(padding, 0)},
    )


def write(store: SweepStore, samples: int) -> None:
    """Fill the store with `samples` samples and the figures of its cells."""
    for cell in range(_CELLS):
        name = f"synth/agent{cell % 2}/seed{cell // 2}"
        variant = f"synth/agent{cell % 2}"
        store.put_cells([Cell(cell, name, variant, f"agent{cell % 2}", "CodeRL-Synth-v0", {}, cell // 2)])
        store.add_samples(cell, cell_samples(cell, samples // _CELLS))
        store.add_metrics(
            Metric(cell, "rl", step, float(step), f"figure{figure}", step / (figure + 1))
            for step in range(_STEPS)
            for figure in range(_FIGURES)
        )
        store.set_status(cell, "done", seconds=1.0)


def measure(folder: Path) -> dict[str, float]:
    """Return the seconds that the reads of a report take, and the memory that they reach."""
    figures: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        began, used = time.perf_counter(), time.process_time()
        yield
        figures[f"{name}_seconds"] = round(time.perf_counter() - began, 3)
        # What the neighbours of a busy machine leave alone.
        figures[f"{name}_cpu_seconds"] = round(time.process_time() - used, 3)

    with SweepStore(folder, read_only=True) as store:
        with timed("counts"):
            figures["problems_counted"] = sum(1 for _ in store.counts())
        with timed("counts_with_training"):
            figures["problems_counted_with_training"] = sum(1 for _ in store.counts(training=True))
        with timed("metrics"):
            figures["figures_read"] = sum(1 for _ in store.metrics())
        with timed("best_and_worst"):
            for cell, row in store.rows():
                store.ranked(cell, row, best=True, limit=3)
                store.ranked(cell, row, best=False, limit=3)
        with timed("stream_one_cell"):
            figures["samples_streamed"] = sum(1 for _ in store.samples(0))
    figures["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Write a store, unless it is there, and measure reading it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the store is written; it takes 3 GB a million"
    )
    parser.add_argument("--read-only", action="store_true", help="measure a store that is there")
    options = parser.parse_args(argv)
    figures: dict[str, float] = {}
    if not options.read_only:
        options.folder.mkdir(parents=True, exist_ok=True)
        began, used = time.perf_counter(), time.process_time()
        with SweepStore(options.folder) as store:
            write(store, options.samples)
        figures["write_seconds"] = round(time.perf_counter() - began, 1)
        figures["write_cpu_seconds"] = round(time.process_time() - used, 1)
        figures["write_peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    figures |= measure(options.folder)
    figures["file_mib"] = round((options.folder / "sweep.sqlite").stat().st_size / 2**20, 1)
    print(json.dumps(figures, indent=2))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
