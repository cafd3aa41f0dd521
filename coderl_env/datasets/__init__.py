"""Data sets of programming problems: APPS, MBPP, HumanEval, and the procedural Synth.

The small `sample` splits are part of the package. The others are read from files, which `fetch` gets on request.
"""

from coderl_env.datasets.catalog import SPLITS, load_dataset
from coderl_env.datasets.dataset import Dataset, DatasetError, ProblemSet
from coderl_env.datasets.fetch import fetch
from coderl_env.datasets.formats import problem_from_row
from coderl_env.datasets.rows import Row, read_rows
from coderl_env.datasets.samples import wrong_solutions
from coderl_env.datasets.verify import Verification, verify

__all__ = [
    "SPLITS",
    "Dataset",
    "DatasetError",
    "ProblemSet",
    "Row",
    "Verification",
    "fetch",
    "load_dataset",
    "problem_from_row",
    "read_rows",
    "verify",
    "wrong_solutions",
]
