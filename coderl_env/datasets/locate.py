"""Where the files of a data set are: `data_dir=`, `$CODERL_DATA`, the cache.

Loading never touches the network. `coderl_env.datasets.fetch` fills the cache, on request only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coderl_env.datasets.apps import holds_problem_folders
from coderl_env.datasets.dataset import DatasetError
from coderl_env.datasets.formats import FORMATS, row_format
from coderl_env.datasets.rows import read_rows

__all__ = ["DATA_VARIABLE", "Found", "cache_folder", "locate"]

DATA_VARIABLE = "CODERL_DATA"


@dataclass(frozen=True, slots=True)
class Found:
    """The data of one split: either a folder of problem folders, or JSON Lines files."""

    folder: Path | None = None
    files: tuple[Path, ...] = ()


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder that fetched data is kept in: `coderl_env` in `$XDG_CACHE_HOME`, by default `~/.cache`."""
    variables = os.environ if environment is None else environment
    base = variables.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "coderl_env"


def locate(
    name: str,
    split: str,
    splits: tuple[str, ...],
    data_dir: str | Path | None,
    environment: Mapping[str, str] | None = None,
) -> Found:
    """Find the files of one split.

    Args:
        name: name of the data set.
        split: the split wanted.
        splits: all splits of the data set, to know a file or folder of another one by its name.
        data_dir: a file, or the folder to look in; if it is given, nothing else is looked at.
        environment: variables that stand for `os.environ`.

    Raises:
        DatasetError: the data is nowhere, or `data_dir` holds another split.
    """
    variables = os.environ if environment is None else environment
    if data_dir is not None:
        place = Path(data_dir).expanduser()
        if not place.exists():
            raise DatasetError(f"data_dir {place} does not exist; {_remedy(name)}")
        found = _look(place, name, split, splits, own=True)
        if found is None:
            raise DatasetError(
                f"no data for {name}/{split} in {place}: looked for {_looked(place, name, split)}; {_remedy(name)}"
            )
        return found
    variable = variables.get(DATA_VARIABLE)
    places = {
        f"${DATA_VARIABLE}": Path(variable).expanduser() if variable else None,
        "the cache": cache_folder(variables),
    }
    looked = ["data_dir= (not given)"]
    for what, folder in places.items():
        found = None
        if folder is not None and folder.is_dir():
            found = _look(folder, name, split, splits, own=False)
        if found is not None:
            return found
        looked.append(f"{what} ({_why_not(folder)})")
    raise DatasetError(f"no data for {name}/{split}: looked at {', '.join(looked)}; {_remedy(name)}")


def _why_not(folder: Path | None) -> str:
    if folder is None:
        return "not set"
    return f"{folder}, which {'holds no such data' if folder.is_dir() else 'does not exist'}"


def _remedy(name: str) -> str:
    return f"`coderl datasets fetch {name}` fetches it into the cache"


def _looked(place: Path, name: str, split: str) -> str:
    return (
        f"{name}/, {split}/NNNN/question.txt, NNNN/question.txt, {name}.jsonl, {split}.jsonl "
        f"and other .jsonl files with rows of that split"
    )


def _look(place: Path, name: str, split: str, splits: tuple[str, ...], own: bool) -> Found | None:
    """Find a split in a file or folder.

    Args:
        place: the file or folder.
        name: name of the data set.
        split: the split wanted.
        splits: all splits.
        own: whether the place is meant for this data set alone. In a folder of several data sets only what bears
            the name counts, so that no other data is served in its stead.
    """
    if place.is_file():
        _refuse_other_split(place, place.stem, split, splits)
        return Found(files=(place,))
    inside = sorted(place.iterdir())
    for child in inside:
        if child.is_dir() and child.name.lower() == name:
            found = _look(child, name, split, splits, own=True)
            if found is not None:
                return found
    if (place / split).is_dir() and holds_problem_folders(place / split):
        return Found(folder=place / split)
    files = tuple(child for child in inside if child.suffix == ".jsonl" and child.is_file())
    for file in files:
        if file.stem.lower() == name:
            return Found(files=(file,))
    if not (own or place.name.lower() == name):
        return None
    if holds_problem_folders(place):
        _refuse_other_split(place, place.resolve().name, split, splits)
        return Found(folder=place)
    if place / f"{split}.jsonl" in files:
        return Found(files=(place / f"{split}.jsonl",))
    others = tuple(file for file in files if file.stem not in splits and _holds_problems(file, name))
    return Found(files=others) if others else None


def _refuse_other_split(place: Path, called: str, split: str, splits: tuple[str, ...]) -> None:
    if called != split and called in splits:
        raise DatasetError(
            f"{place} holds the split {called!r}, not {split!r}; name the folder above it, or ask for {called!r}"
        )


def _holds_problems(file: Path, name: str) -> bool:
    """Whether the first row is a problem of that data set; other data may stand beside the problems."""
    first = next(read_rows(file), None)
    return first is not None and row_format(first) in FORMATS[name]
