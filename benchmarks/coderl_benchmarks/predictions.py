"""Do files of predictions give the pass rates that were recorded? Real programs on the path of `coderl evaluate`.

The recorded programs are written as a file of predictions, judged into a folder, and read back from its store.

    python -m coderl_benchmarks.predictions                     all records of ../shared/data (minutes)
    python -m coderl_benchmarks.predictions --programs 50       fifty of each file
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coderl_benchmarks.recorded import EXPLAINED, RECORDS, records
from coderl_env.datasets import ProblemSet, read_rows
from coderl_env.experiment.assessment import assess, digest_of, survey
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.judge import Judge, Limits
from coderl_env.outcome import Outcome

__all__ = ["ModelRate", "main", "reproduce"]

# Those of the recorded comparison, so that a slow machine turns no verdict.
_LIMITS = Limits(4.0, 60.0, 12.0, 1 << 30, 16 << 20)


@dataclass(frozen=True, slots=True)
class ModelRate:
    """What was recorded of one model's programs, and what this judge says.

    Attributes:
        file: the file of records.
        model: the model.
        programs: its programs whose tests are part of the data.
        recorded: how many passed, by the record.
        judged: how many pass here.
        explained: programs on which the two differ for a known reason, with the reason.
        unexplained: names of the others on which they differ.
    """

    file: str
    model: str
    programs: int
    recorded: int
    judged: int
    explained: dict[str, str]
    unexplained: tuple[str, ...]


def reproduce(
    name: str, data: Path, judge: Judge, folder: Path, *, programs: int | None = None, seed: int = 0
) -> list[ModelRate]:
    """Judge one file of records as predictions, and compare model by model.

    Args:
        name: a file of `RECORDS`.
        data: folder of the real data.
        judge: judges the programs.
        folder: an empty folder for the predictions and their verdicts.
        programs: at most so many, drawn with `seed`.
        seed: of the draw.
    """
    models = {row.text("case_id"): row.text("model") for row in read_rows(data / "verdicts" / f"{name}.jsonl")}
    # Records with a test of their own are of no data set.
    own = {row.text("case_id") for row in read_rows(data / "verdicts" / f"{name}.jsonl") if row.has("test")}
    chosen = [record for record in records(name, data) if record.name not in own]
    if programs is not None and programs < len(chosen):
        chosen = random.Random(seed).sample(chosen, programs)
    file = folder / f"{name}.jsonl"
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(
            json.dumps({"task_id": record.problem.id, "program": record.program}) + "\n" for record in chosen
        )
    dataset = ProblemSet.of(name, "recorded", {record.problem.id: record.problem for record in chosen}.values())
    settings: dict[str, Any] = {
        "format": "plain",
        "digest": digest_of(file),
        "env": "recorded",
        "comparator": "lines",
        "reward": "coderl",
        "examples": False,
        "skip_unknown": False,
        "seed": seed,
    }
    assess(folder / "verdicts", file, dataset, judge, settings, survey(file, "plain", dataset))
    with SweepStore(folder / "verdicts", read_only=True) as store:
        judged = {(sample.task_id, sample.sample_index): sample.outcome for sample in store.samples(0)}
    numbers: Counter[str] = Counter()
    outcomes = {}
    for record in chosen:
        outcomes[record.name] = judged[record.problem.id, numbers[record.problem.id]]
        numbers[record.problem.id] += 1
    passed = {record.name: record.recorded == "passed" for record in chosen}
    return list(_rates(name, models, passed, outcomes))


def _rates(
    name: str, models: dict[str, str], passed: dict[str, bool], outcomes: dict[str, Outcome]
) -> Iterator[ModelRate]:
    for model in sorted({models[record] for record in passed}):
        mine = [record for record in passed if models[record] == model]
        differ = [record for record in mine if passed[record] != (outcomes[record] is Outcome.PASSED)]
        yield ModelRate(
            name,
            model,
            len(mine),
            sum(passed[record] for record in mine),
            sum(outcomes[record] is Outcome.PASSED for record in mine),
            {record: EXPLAINED[record] for record in differ if record in EXPLAINED},
            tuple(record for record in differ if record not in EXPLAINED),
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Judge and print the table; the exit status is 1 where a difference is not explained."""
    default = Path(__file__).resolve().parents[2] / os.environ.get("CODERL_SHARED_DATA", "../shared/data")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=default, help="folder of the real data")
    parser.add_argument("--programs", type=int, help="at most so many of each file")
    parser.add_argument("--workers", type=int, default=2, help="how many programs run at a time")
    options = parser.parse_args(argv)
    unexplained = 0
    print(f"{'file':<16}{'model':<26}{'programs':>9}{'recorded %':>12}{'judged %':>10}")  # noqa: T201
    with Judge(workers=options.workers, limits=_LIMITS, stop="first_failure") as judge:
        for name in RECORDS:
            with tempfile.TemporaryDirectory() as folder:
                for rate in reproduce(name, options.data, judge, Path(folder), programs=options.programs):
                    shares = (100 * count / rate.programs for count in (rate.recorded, rate.judged))
                    figures = "".join(f"{share:>11.1f}" for share in shares)
                    print(f"{rate.file:<16}{rate.model:<26}{rate.programs:>9}{figures}", flush=True)  # noqa: T201
                    for record, reason in rate.explained.items():
                        print(f"    {record}: {reason}")  # noqa: T201
                    for record in rate.unexplained:
                        print(f"    {record}: NOT EXPLAINED")  # noqa: T201
                    unexplained += len(rate.unexplained)
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
