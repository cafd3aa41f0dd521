"""The assessment of a file of predictions: its programs judged into a folder, which the same call again goes on with.

The folder holds the store of a sweep with one cell, so that reports and rejudging take it as any other, and
`summary.json`. The file is read twice: once to find what is wrong with it before anything is judged, and once to judge.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coderl_env.datasets import Dataset, DatasetError
from coderl_env.experiment.estimators import bootstrap_mean
from coderl_env.experiment.judging import Work, judge_into
from coderl_env.experiment.predictions import Prediction, ProblemFinder, read_predictions
from coderl_env.experiment.results import RowResult, gather, result_summary
from coderl_env.experiment.run_folder import RunFolderError
from coderl_env.experiment.sweep.records import Cell, StoredSample
from coderl_env.experiment.sweep.store import STORE_NAME, SweepStore
from coderl_env.judge import JUDGE_VERSION, AnyJudge
from coderl_env.problem import Problem
from coderl_env.reward import resolve_reward
from coderl_env.version import VERSION

__all__ = ["ROW", "Survey", "assess", "digest_of", "survey"]

ROW = "predictions"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file of predictions holds.

    Attributes:
        programs: programs for problems of the data set.
        repeated: how many of those say the same as an earlier one for the same problem.
        problems: problems that have a program.
        unknown: programs for problems that the data set does not have; they are left out.
        missing: ids of problems without a program, or None where the data set is endless.
    """

    programs: int
    repeated: int
    problems: int
    unknown: int
    missing: tuple[str, ...] | None


def survey(path: Path, name: str, dataset: Dataset, *, skip_unknown: bool = False) -> Survey:
    """Read a file of predictions through, and return what it holds.

    Args:
        path: the file.
        name: its format.
        dataset: the problems.
        skip_unknown: whether programs for problems that are not there are left out, instead of refused.

    Raises:
        DatasetError: the file is malformed or empty, or names a problem that is not there.
    """
    seen: set[str] = set()
    digests = array("Q")
    unknown = 0
    for item in _found(path, name, dataset, skip_unknown=skip_unknown):
        if item is None:
            unknown += 1
            continue
        prediction, problem = item
        seen.add(problem.id)
        text = f"{problem.id}\0{prediction.text}".encode("utf-8", "surrogatepass")
        digests.append(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big"))
    if not digests:
        raise DatasetError(
            f"none of the {unknown} programs of {path} is for a problem of {dataset.name}/{dataset.split}; "
            "name another data set or split"
        )
    # Sorted in place: of a million programs these are 8 MB, the only memory that grows with the file.
    found = np.frombuffer(digests, dtype=np.uint64)
    found.sort()
    repeated = int((found[1:] == found[:-1]).sum())
    missing = None if dataset.size < 0 else tuple(problem.id for problem in dataset if problem.id not in seen)
    return Survey(len(found), repeated, len(seen), unknown, missing)


def digest_of(path: Path) -> str:
    """Return a digest of a file's content, or of those of a folder's files."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
        digest.update(str(file.relative_to(path)).encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def assess(
    folder: Path,
    path: Path,
    dataset: Dataset,
    judge: AnyJudge,
    settings: Mapping[str, Any],
    surveyed: Survey,
    *,
    on_judged: Callable[[StoredSample], None] | None = None,
) -> dict[str, Any]:
    """Judge a file's programs into a folder, and return the summary.

    Args:
        folder: where the store is, or will be.
        path: the file of predictions.
        dataset: the problems.
        judge: judges the programs.
        settings: JSON values that decide the result, kept beside it: at least `format`, `digest`, `env`, `comparator`,
            `reward`, `examples`, `skip_unknown` and `seed`.
        surveyed: what `survey` returned for the file.
        on_judged: called with every program that is judged now.

    Raises:
        RunFolderError: the folder holds something else.
        JudgeError: a program could not be judged; those before it are kept.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with SweepStore(folder / STORE_NAME) as store:
        _begin(store, folder, path, dataset, judge, settings)
        done = sum(count.samples for count in store.counts(0, ROW))
        work = _work(path, dataset, settings, done)
        judge_into(store, 0, work, judge, resolve_reward(settings["reward"]), on_judged=on_judged)
        store.set_status(0, "done")
        result = gather(store.counts(0, ROW))[0, ROW]
        (cell,) = store.cells()
    return _summary(cell, dataset, result, surveyed)


def _found(
    path: Path, name: str, dataset: Dataset, *, skip_unknown: bool
) -> Iterator[tuple[Prediction, Problem] | None]:
    """Yield each prediction with its problem, or None for one whose problem is not there and may be passed over."""
    finder = ProblemFinder(dataset)
    for prediction in read_predictions(path, name):
        try:
            problem = finder.find(prediction)
        except DatasetError as error:
            if not skip_unknown:
                raise DatasetError(f"{error} --skip-unknown leaves such programs out.") from None
            yield None
        else:
            yield prediction, problem


def _begin(
    store: SweepStore, folder: Path, path: Path, dataset: Dataset, judge: AnyJudge, settings: Mapping[str, Any]
) -> None:
    """Write the one cell, or check that the one that is there is the same."""
    cells = store.cells()
    wanted = {**settings, "isolation": judge.isolation}
    if cells and dict(cells[0].settings) != wanted:
        names = [key for key in {**wanted, **cells[0].settings} if wanted.get(key) != cells[0].settings.get(key)]
        raise RunFolderError(
            f"{folder} holds programs that were judged with other settings ({', '.join(names[:_NAMED])}); "
            "name another folder"
        )
    if cells:
        return
    store.describe({"name": f"predictions {path.name}", "kind": "predictions"})
    provenance = {
        "version": VERSION,
        "dataset": {"name": dataset.name, "split": dataset.split, "size": dataset.size, "skipped": dataset.skipped},
        "judge": {"isolation": judge.isolation, "comparator": settings["comparator"], "version": JUDGE_VERSION},
        "predictions": {"file": str(path), "format": settings["format"], "sha256": settings["digest"]},
    }
    name = path.name.partition(".")[0] or path.name
    cell = Cell(0, name, name, name, settings["env"], wanted, settings["seed"], "running", provenance=provenance)
    store.put_cells([cell])


def _work(path: Path, dataset: Dataset, settings: Mapping[str, Any], done: int) -> Iterator[Work]:
    """Yield what is left to judge: the store holds the first `done` programs of the file."""
    numbers: Counter[str] = Counter()
    found = _found(path, settings["format"], dataset, skip_unknown=settings["skip_unknown"])
    for number, (prediction, problem) in enumerate(item for item in found if item is not None):
        index = numbers[problem.id]
        numbers[problem.id] += 1
        if number >= done:
            yield Work(ROW, 0, index, prediction.program(problem), problem, settings["examples"])


def _summary(cell: Cell, dataset: Dataset, result: RowResult, surveyed: Survey) -> dict[str, Any]:
    missing = len(surveyed.missing or ())
    row = result_summary(result, cell.seed)
    if missing:
        # Problems that nobody tried say nothing of the model; whoever counts them as failed gets this.
        row["missing_as_failed"] = {
            name.replace("@", "_at_"): bootstrap_mean(np.pad(values, (0, missing)), seed=cell.seed).to_dict()
            for name, values in result.metrics().items()
        }
    return {
        "env": cell.env,
        "agent": cell.agent,
        "seed": cell.seed,
        **{name: cell.provenance[name] for name in ("dataset", "judge", "predictions")},
        "programs": surveyed.programs,
        "repeated": surveyed.repeated,
        "unknown": surveyed.unknown,
        "missing": {"problems": missing, "first": list((surveyed.missing or ())[:_NAMED])},
        "evaluation": {ROW: row},
    }
