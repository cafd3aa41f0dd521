"""The data sets by name, and the one way to load them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from coderl_env.datasets.dataset import Dataset, DatasetError, ProblemSet
from coderl_env.naming import unknown_name

__all__ = ["DATASETS", "load_dataset"]

DATASETS = {
    "apps": ("sample", "train", "test"),
    "mbpp": ("sample", "train", "validation", "test", "prompt"),
    "humaneval": ("sample", "test"),
    "synth": ("train", "validation", "test"),
}


def load_dataset(
    name: str,
    split: str | None = None,
    data_dir: str | Path | None = None,
    difficulties: Sequence[str] | None = None,
) -> Dataset:
    """Load a data set."""
    if name not in DATASETS:
        raise ValueError(unknown_name("data set", name, DATASETS))
    split = DATASETS[name][0] if split is None else split
    if split not in DATASETS[name]:
        raise ValueError(unknown_name(f"split of {name}", split, DATASETS[name]))
    if name == "synth":
        from coderl_env.datasets.synth import LEVELS, SynthDataset  # noqa: PLC0415

        return SynthDataset(split=split, levels=LEVELS if difficulties is None else tuple(difficulties))
    raise DatasetError(f"{name}/{split} cannot be loaded yet")
