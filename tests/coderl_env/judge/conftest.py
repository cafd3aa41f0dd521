"""One running judge for all tests that need no settings of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coderl_env.judge import Judge, Limits

# Short, so that a test of a limit is short; wide enough for a machine that is busy with something else.
LIMITS = Limits(cpu_seconds=0.5, wall_seconds=5.0, program_cpu_seconds=4.0)


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """A judge of the machine's best tier with two workers and short limits."""
    with Judge(workers=2, limits=LIMITS) as running:
        yield running
