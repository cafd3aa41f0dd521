"""What the rest of the library asks of a judge, wherever it runs programs: on this machine or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem

__all__ = ["AnyJudge", "MakesJudge"]


class AnyJudge(Protocol):
    """A judge; `coderl_env.judge.Judge` and `coderl_env.judge.ray_judge.RayJudge` are two, and say more."""

    @property
    def isolation(self) -> str:
        """The isolation tier that programs run in."""
        ...

    @property
    def stop(self) -> str:
        """When the tests of a program that are left are not run."""
        ...

    def judge(self, program: str, problem: Problem) -> Judgement:
        """Judge one program."""
        ...

    def judge_many(self, pairs: Iterable[tuple[str, Problem]]) -> list[Judgement]:
        """Judge many pairs of program and problem; return the judgements in their order."""
        ...

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Queue one program and return the future of its judgement."""
        ...

    def close(self) -> None:
        """Free what the judge holds. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class MakesJudge(Protocol):
    """What makes a judge of its settings: the class `Judge`, or `functools.partial(RayJudge, address)`."""

    def __call__(
        self,
        workers: int | None = None,
        limits: Limits | None = None,
        comparator: str = "lines",
        isolation: str = "auto",
        stop: str = "first_limit",
        cache: str | os.PathLike[str] | None = None,
    ) -> AnyJudge:
        """Return a judge; the arguments are those of `coderl_env.judge.Judge`."""
        ...
