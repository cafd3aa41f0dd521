"""Recorded pass rates of real models come out of files of predictions too."""

from __future__ import annotations

from pathlib import Path

import pytest

from coderl_benchmarks.predictions import reproduce
from coderl_env.judge import Judge, Limits


@pytest.mark.slow
@pytest.mark.parametrize(("name", "programs"), [("apps_coderl", 30), ("apps_codechain", 15), ("humaneval_mbpp", 120)])
def test_recorded_pass_rates_are_reproduced(shared_data: Path, tmp_path: Path, name: str, programs: int) -> None:
    limits = Limits(4.0, 60.0, 12.0, 1 << 30, 16 << 20)
    with Judge(workers=2, limits=limits, stop="first_failure") as judge:
        rates = reproduce(name, shared_data, judge, tmp_path, programs=programs, seed=1)
    assert sum(rate.programs for rate in rates) == programs
    for rate in rates:
        assert rate.unexplained == ()
        assert abs(rate.recorded - rate.judged) <= len(rate.explained)
