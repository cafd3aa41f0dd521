"""Data sets of programming problems."""

from coderl_env.datasets.catalog import DATASETS, load_dataset
from coderl_env.datasets.dataset import Dataset, DatasetError, ProblemSet

__all__ = ["DATASETS", "Dataset", "DatasetError", "ProblemSet", "load_dataset"]
