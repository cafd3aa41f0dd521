"""Data sets of programming problems: APPS, MBPP, HumanEval, and the procedural Synth.

The small `sample` splits are part of the package. The others are read from files, which
`coderl_env.datasets.fetch` gets.
"""

from coderl_env.datasets.catalog import SPLITS, load_dataset
from coderl_env.datasets.dataset import Dataset, DatasetError, ProblemSet
from coderl_env.datasets.formats import problem_from_row
from coderl_env.datasets.samples import wrong_solutions

__all__ = ["SPLITS", "Dataset", "DatasetError", "ProblemSet", "load_dataset", "problem_from_row", "wrong_solutions"]
