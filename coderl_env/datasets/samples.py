"""The small data sets that ship with the package, written for this project in the formats of APPS, MBPP, HumanEval."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

from coderl_env.datasets.rows import Row, parse_rows

__all__ = ["sample_rows", "wrong_solutions"]

_APPS_FILES = ("introductory", "interview", "competition")


def sample_rows(name: str) -> Iterator[Row]:
    """Yield the rows of the sample split of `apps`, `mbpp` or `humaneval`."""
    folder = resources.files("coderl_env.datasets").joinpath("samples")
    files: list[Traversable] = (
        [folder.joinpath("apps", f"{difficulty}.jsonl") for difficulty in _APPS_FILES]
        if name == "apps"
        else [folder.joinpath(f"{name}.jsonl")]
    )
    for file in files:
        yield from parse_rows(file.read_text(encoding="utf-8").split("\n"), f"{name} sample {file.name}")


def wrong_solutions(name: str) -> dict[str, tuple[str, ...]]:
    """Return plausible wrong programs for the problems of a sample split, by problem id; its tests must reject them."""
    return {row.text("task_id"): row.texts("wrong_solutions") for row in sample_rows(name)}
