"""The data sets by name, and the one way to load them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from coderl_env.datasets.apps import read_folder
from coderl_env.datasets.dataset import Dataset, DatasetError, ProblemSet
from coderl_env.datasets.formats import FORMATS, problem_from_row, row_format, row_split
from coderl_env.datasets.locate import locate
from coderl_env.datasets.plain import read_file
from coderl_env.datasets.rows import Row
from coderl_env.datasets.samples import sample_rows
from coderl_env.naming import unknown_name
from coderl_env.problem import Problem

__all__ = ["SPLITS", "load_dataset"]

SPLITS = {
    "apps": ("sample", "train", "test"),
    "mbpp": ("sample", "prompt", "train", "validation", "test"),
    "humaneval": ("sample", "test"),
    "synth": ("train", "validation", "test"),
}


def load_dataset(
    name: str,
    split: str | None = None,
    data_dir: str | Path | None = None,
    difficulties: Sequence[str] | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        name: `apps`, `mbpp`, `humaneval` or `synth`.
        split: which part; by default `sample`, the problems that ship with the package, and `train` for `synth`.
        data_dir: for the other splits, the file or folder they are in: the original APPS folders (the folder of
            `train` and `test`, or one of the two), the Hub's APPS files, or JSON Lines files with the fields of
            `coderl_env.datasets.plain`. Without it `$CODERL_DATA` and the cache are searched, never the network.
        difficulties: only problems of these difficulties; for `synth`, the levels.

    Returns:
        The data set. It is called `name`, or by what its ids begin with where that is another (`leetcode/two-sum`).

    Raises:
        ValueError: an unknown name, split or difficulty; the message has the nearest valid ones.
        DatasetError: the data is missing or malformed.
    """
    if name not in SPLITS:
        raise ValueError(unknown_name("data set", name, SPLITS))
    split = SPLITS[name][0] if split is None else split
    if split not in SPLITS[name]:
        raise ValueError(unknown_name(f"split of {name}", split, SPLITS[name]))
    if data_dir is not None and (name == "synth" or split == "sample"):
        needed = "generated" if name == "synth" else "part of the package"
        raise ValueError(
            f"{name}/{split} is {needed} and takes no data_dir ({str(data_dir)!r}); "
            "leave it out or choose another split"
        )
    if isinstance(difficulties, str):
        raise ValueError(f"difficulties must be a list of names, not the string {difficulties!r}")
    if name == "synth":
        return _synth(split, difficulties)
    rows = sample_rows(name) if split == "sample" else _rows_of_split(name, split, data_dir)
    problems = tuple(_chosen(rows, name, split, difficulties))
    return ProblemSet.of(_own_name(name, problems), split, problems)


def _synth(split: str, difficulties: Sequence[str] | None) -> Dataset:
    from coderl_env.datasets.synth import LEVELS, SynthDataset

    levels = LEVELS if difficulties is None else tuple(difficulties)
    for level in levels:
        if level not in LEVELS:
            raise ValueError(unknown_name("level of synth", level, LEVELS))
    return SynthDataset(split=split, levels=levels)


def _rows_of_split(name: str, split: str, data_dir: str | Path | None) -> Iterator[Row]:
    """Yield the rows of one split, and check that there are any."""
    found = locate(name, split, SPLITS[name], data_dir)
    if found.folder is not None:
        yield from read_folder(found.folder)
        return
    seen: Counter[str] = Counter()
    for file in found.files:
        for row in read_file(file):
            stated = row_split(row)
            seen[stated or split] += 1
            if stated in (None, split):
                yield row
    if not seen[split]:
        holds = ", ".join(f"{other!r} ({count} rows)" for other, count in sorted(seen.items())) or "no rows at all"
        raise DatasetError(
            f"no data for {name}/{split} in {', '.join(map(str, found.files))}, which holds {holds}; "
            "ask for another split or name another file"
        )


def _chosen(rows: Iterable[Row], name: str, split: str, difficulties: Sequence[str] | None) -> Iterator[Problem]:
    """Yield the problems of the wanted difficulties; rows of the others are not even converted."""
    wanted = None if difficulties is None else set(difficulties)
    present: set[str] = set()
    for row in rows:
        if row_format(row) not in FORMATS[name]:
            raise row.fault(f"this is no row of {name}, whose formats are {', '.join(sorted(FORMATS[name]))}")
        difficulty = row.optional_text("difficulty")
        present.update([difficulty] if difficulty else [])
        if wanted is None or difficulty in wanted:
            yield problem_from_row(row, split)
    for difficulty in sorted(wanted or ()):
        if difficulty not in present:
            raise ValueError(unknown_name(f"difficulty of {name}/{split}", difficulty, present))


def _own_name(name: str, problems: Sequence[Problem]) -> str:
    """Return what the ids begin with, so that no report calls other problems by the name of a known data set."""
    prefixes = sorted({problem.id.partition("/")[0] for problem in problems})
    if not prefixes or len(prefixes) > _NAMED_ORIGINS or not all("/" in problem.id for problem in problems):
        return name
    own = "+".join(prefixes)
    return name if own.lower() == name else own


_NAMED_ORIGINS = 3
