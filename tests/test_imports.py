"""Importing the library is cheap and never loads torch; nor is making and stepping an environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_SECONDS = 0.25

MEASURE = """
import os, sys
before = os.times()
{work}
after = os.times()
heavy = {{"torch", "transformers", "coderl_agents", "coderl_benchmarks", "matplotlib"}} & set(sys.modules)
print(after.user + after.system - before.user - before.system, ",".join(sorted(heavy)))
"""

STEP = """
import gymnasium, coderl_env
env = gymnasium.make({name!r}, **{settings!r})
env.reset(seed=0)
for token in (5, 6, 7):
    env.step(token)
env.close()
"""


def _cpu_seconds(work: str) -> tuple[float, str]:
    """Run `work` in a fresh interpreter; return its processor time, in seconds, and the heavy modules it loaded.

    Processor time, because elapsed time says more about the neighbours on this machine than about the import.
    """
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(work=work)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, _, heavy = done.stdout.strip().partition(" ")
    return float(seconds), heavy


def _best(work: str, runs: int = 5) -> float:
    return min(_cpu_seconds(work)[0] for _ in range(runs))


def test_importing_the_package_is_fast() -> None:
    assert _best("import coderl_env") < LIMIT_SECONDS


@pytest.mark.parametrize("module", ["coderl_env", "coderl_env.judge", "coderl_env.datasets", "coderl_env.cli"])
def test_no_import_loads_torch(module: str) -> None:
    heavy = _cpu_seconds(f"import {module}")[1]
    assert heavy == ""


def test_stepping_an_environment_never_loads_torch() -> None:
    heavy = _cpu_seconds(STEP.format(name="CodeRL-Synth-v0", settings={}))[1]
    assert heavy == ""


def test_stepping_with_the_tokenizer_of_codet5_never_loads_torch(shared_data: Path) -> None:
    settings = {
        "split": "train",
        "data_dir": str(shared_data / "apps"),
        "tokenizer": str(shared_data / "codet5_tokenizer"),
    }
    heavy = _cpu_seconds(STEP.format(name="CodeRL-APPS-v0", settings=settings))[1]
    assert heavy == ""
