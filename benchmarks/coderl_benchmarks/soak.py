"""A long run of the judge: does it hold more memory, descriptors, threads or processes at its end than at its start?

    python -m coderl_benchmarks.soak --count 100000

Reads what it measures from /proc, so it runs on Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coderl_benchmarks.workload import TASKS, Item, mixed_items, stdio_problem
from coderl_env.judge import Judge, Limits
from coderl_env.problem import Problem

__all__ = ["Holdings", "main", "take_stock"]

# What is allowed to grow, as a share of what was held after the first tenth.
_MEMORY_GROWTH = 0.05
_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Holdings:
    """What this process and its helpers hold between two batches.

    Attributes:
        judgements: how many were made until then.
        own_bytes: resident memory of this process.
        helper_bytes: resident memory of the judge's processes together.
        descriptors: open in this process and the judge's, together.
        threads: of this process.
        processes: of the judge, dead ones that nobody waited for included.
    """

    judgements: int
    own_bytes: int
    helper_bytes: int
    descriptors: int
    threads: int
    processes: int


def take_stock(judgements: int) -> Holdings:
    """Return what is held now, once the last program's processes have gone."""
    gc.collect()
    helpers = _descendants("self")
    for _ in range(50):
        time.sleep(0.02)
        before, helpers = helpers, _descendants("self")
        if len(helpers) >= len(before):
            break
    return Holdings(
        judgements=judgements,
        own_bytes=_resident("self"),
        helper_bytes=sum(map(_resident, helpers)),
        descriptors=sum(map(_descriptors, ["self", *helpers])),
        threads=threading.active_count(),
        processes=len(helpers),
    )


def _descendants(pid: str) -> list[str]:
    found: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [child, *_descendants(child)]
    return found


def _resident(pid: str) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    return 0


def _descriptors(pid: str) -> int:
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


def batch(size: int, number: int) -> list[tuple[Item, Problem]]:
    """Return programs of all outcomes, over standard input, calls and asserts in turn; few of them endless."""
    items = mixed_items(size, number)
    stdio_program, stdio = stdio_problem(2)
    pairs = []
    for place, item in enumerate(items):
        task = TASKS[item.task]
        if "while True" in item.program and place % 10:
            item = Item(item.task, item.program.replace("while True:\n        pass", "return undefined_name"), False)
        if place % 3 == 2 and item.passes:
            pairs.append((Item(item.task, f"{stdio_program}# {number} {place}\n", True), stdio))
        else:
            pairs.append((item, task.as_calls() if place % 3 else task.as_asserts()))
    return pairs


def main(argv: Sequence[str] | None = None) -> int:
    """Judge, take stock, print; the exit status is 1 where something grew or a verdict was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="judgements to make")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args(argv)
    size = max(min(500, options.count // 20), 20)
    wrong = done = 0
    stock: list[Holdings] = []
    began = time.monotonic()
    limits = Limits(cpu_seconds=0.2, wall_seconds=20.0)
    print(f"{'judgements':>11}{'own MiB':>9}{'helpers MiB':>13}{'descriptors':>13}{'threads':>9}{'processes':>11}")  # noqa: T201
    with Judge(workers=options.workers, isolation=options.isolation, limits=limits) as judge:
        while done < options.count:
            pairs = batch(size, done // size)
            judgements = judge.judge_many([(item.program, problem) for item, problem in pairs])
            wrong += sum(found.passed != item.passes for (item, _), found in zip(pairs, judgements, strict=True))
            del judgements
            done += len(pairs)
            if len(stock) < done * 20 // options.count:
                stock.append(take_stock(done))
                held = stock[-1]
                memory = f"{held.own_bytes / 2**20:>9.1f}{held.helper_bytes / 2**20:>13.1f}"
                counts = f"{held.descriptors:>13}{held.threads:>9}{held.processes:>11}"
                print(f"{held.judgements:>11}{memory}{counts}", flush=True)  # noqa: T201
    seconds = time.monotonic() - began
    complaints = grown(stock[min(1, len(stock) - 1)], stock[-1])
    if wrong:
        complaints.append(f"{wrong} verdicts were wrong")
    print(f"{done} judgements in {seconds:.0f} s; {'; '.join(complaints) or 'nothing grew'}")  # noqa: T201
    if options.json is not None:
        figures = {"seconds": seconds, "wrong": wrong, "stock": [asdict(held) for held in stock]}
        options.json.write_text(json.dumps(figures, indent=1))
    return int(bool(complaints))


def grown(first: Holdings, last: Holdings) -> list[str]:
    """Return what grew by more than it may."""
    found = []
    for name in ("own_bytes", "helper_bytes"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before * (1 + _MEMORY_GROWTH):
            found.append(f"{name} grew from {before} to {after}")
    for name in ("descriptors", "threads", "processes"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before:
            found.append(f"{name} grew from {before} to {after}")
    return found


if __name__ == "__main__":
    sys.exit(main())
