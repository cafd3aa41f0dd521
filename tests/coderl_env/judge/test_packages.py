"""What installed packages contain stays unread in both tiers: problems, tests and solutions among it."""

from __future__ import annotations

from pathlib import Path

import pytest

from coderl_env.judge import Judge, tier_report
from coderl_env.judge.process import _folders
from coderl_env.problem import Problem, StdioCase

_READ = (
    "import sys\ntry:\n    print(len(open(sys.stdin.read().strip()).read()) >= 0)\nexcept OSError:\n    print('no')\n"
)
_EXEMPT = {"numpy", "numpy.libs"}


def _file_in(folder: str) -> Path | None:
    """Return a file of some package in a folder of packages, or None where there is none."""
    found = (file for file in Path(folder).glob("*/*.py") if file.parent.name not in _EXEMPT)
    return next(found, None)


def _files() -> list[Path]:
    folders = _folders()
    files = [_file_in(folder) for folder in (*folders["packages"], *folders["libraries"])]
    return [file for file in files if file is not None] + [Path(__file__), Path(folders["hidden"][0], "problem.py")]


@pytest.mark.parametrize("tier", ["strict", "portable"])
def test_no_file_of_a_package_can_be_read(tier: str) -> None:
    report = tier_report()
    if report[tier] != "available":
        pytest.skip(report[tier])
    files = _files()
    assert len(files) > 2
    tests = tuple(StdioCase(f"{file}\n", "no\n") for file in files)
    known = next(file for folder in _folders()["interpreter"] if (file := Path(folder, "this.py")).exists())
    with Judge(workers=1, isolation=tier) as judge:
        judgement = judge.judge(_READ, Problem("packages", "", tests))
        assert [case.output for case in judgement.cases] == ["no\n"] * len(files)
        # The program does read what it may.
        assert judge.judge(_READ, Problem("library", "", (StdioCase(f"{known}\n", "True\n"),))).passed
