"""The small data sets that ship with the package, written for this project in the formats of APPS, MBPP, HumanEval."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from coderl_env.datasets.rows import Row, parse_rows

__all__ = ["sample_rows", "wrong_solutions"]


def sample_rows(name: str) -> Iterator[Row]:
    """Yield the rows of the sample split of `apps`, `mbpp` or `humaneval`."""
    folder = resources.files("coderl_env.datasets").joinpath("samples")
    files = [folder.joinpath(f"{name}.jsonl")]
    if name == "apps":
        found = (file for file in folder.joinpath("apps").iterdir() if file.name.endswith(".jsonl"))
        files = sorted(found, key=lambda file: file.name)
    for file in files:
        yield from parse_rows(file.read_text(encoding="utf-8").split("\n"), f"{name} sample {file.name}")


def wrong_solutions(name: str) -> dict[str, tuple[str, ...]]:
    """Return plausible wrong programs for the problems of a sample split, by problem id; its tests must reject them."""
    return {row.text("task_id"): row.texts("wrong_solutions") for row in sample_rows(name)}
