"""A share in a judge: environments of one process with equal settings use one judge, the last to leave closes it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from coderl_env.env.arguments import check_choice
from coderl_env.judge.compare import COMPARATORS
from coderl_env.judge.worker import TIERS
from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem

__all__ = ["GivenJudge", "JudgeLease", "JudgeSettings", "Judges", "lease_judge"]


class Judges(Protocol):
    """What an environment asks of a judge; `coderl_env.judge.Judge` is one.

    With a method `submit(program, problem) -> Future`, it may judge several programs at a time.
    """

    def judge(self, program: str, problem: Problem) -> Judgement:
        """Return the judgement of `program`, or raise where judging itself failed."""
        ...

    def close(self) -> None:
        """Free what the judge holds."""
        ...


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What an environment asks of a judge; the names are those of `coderl_env.judge.Judge`."""

    comparator: str = "lines"
    isolation: str = "auto"
    limits: Limits = field(default_factory=Limits)
    workers: int | None = 1


@dataclass(slots=True)
class _Shared:
    judge: Judges
    leases: int = 0


_lock = threading.Lock()
# By process too: a judge's connections do not survive a fork.
_shared: dict[tuple[int, JudgeSettings], _Shared] = {}


def _make_judge(settings: JudgeSettings) -> Judges:
    from coderl_env.judge import Judge  # the judge starts processes; an environment that is only stepped needs none

    return Judge(settings.workers, settings.limits, settings.comparator, settings.isolation)


class JudgeLease:
    """One environment's share in a judge, which is made when it is first needed."""

    def __init__(self, settings: JudgeSettings, make: Callable[[JudgeSettings], Judges]) -> None:
        self._settings = settings
        self._make = make
        self._key: tuple[int, JudgeSettings] | None = None

    def judge(self, program: str, problem: Problem) -> Judgement:
        """Return the judgement of `program`."""
        return self._acquire().judge(program, problem)

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Return the future of the judgement of `program`."""
        return _submit(self._acquire(), program, problem)

    def release(self, wait: bool = True) -> None:
        """Give the share back; more than once is legal. The judge is closed when no share is left.

        Args:
            wait: whether to wait for a closing judge, which first ends the programs that it runs.
        """
        key, self._key = self._key, None
        if key is None or key[0] != os.getpid():
            return
        with _lock:
            shared = _shared[key]
            shared.leases -= 1
            if shared.leases:
                return
            del _shared[key]
        if wait:
            shared.judge.close()
        else:
            threading.Thread(target=shared.judge.close, name="coderl-judge-close", daemon=True).start()

    def _acquire(self) -> Judges:
        key = (os.getpid(), self._settings)
        with _lock:
            if key not in _shared:
                _shared[key] = _Shared(self._make(self._settings))
            shared = _shared[key]
            if self._key != key:
                self._key = key
                shared.leases += 1
        return shared.judge


class GivenJudge:
    """A lease of a judge that the caller owns and closes."""

    def __init__(self, judge: Judges) -> None:
        self._judge = judge
        self.judge = judge.judge

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Return the future of the judgement of `program`."""
        return _submit(self._judge, program, problem)

    def release(self, wait: bool = True) -> None:
        """Leave the judge open."""


def _submit(judge: Judges, program: str, problem: Problem) -> Future[Judgement]:
    if hasattr(judge, "submit"):
        future: Future[Judgement] = judge.submit(program, problem)
        return future
    # One that takes no more than one program judges it here and now.
    future = Future()
    try:
        future.set_result(judge.judge(program, problem))
    except Exception as error:  # noqa: BLE001 - handed to whoever asks the future
        future.set_exception(error)
    return future


def lease_judge(
    judge: Judges | None,
    comparator: str,
    isolation: str,
    limits: Limits | Mapping[str, Any] | None,
    workers: int | None = 1,
) -> JudgeLease | GivenJudge:
    """Return a share in a judge of these settings, or the `judge` that is given.

    Args:
        judge: a judge, or None.
        comparator: the judge's comparison rule.
        isolation: the judge's isolation tier.
        limits: the judge's limits, as an object or as JSON; None is the default.
        workers: programs that are judged at a time; None is one per processor. A given judge has its own number.

    Raises:
        ValueError: a setting is unknown or unusable, or a judge is given together with settings.
    """
    check_choice("comparator", comparator, tuple(COMPARATORS))
    check_choice("isolation", isolation, ("auto", *TIERS))
    if limits is not None and not isinstance(limits, (Limits, Mapping)):
        raise ValueError(f"limits must be a Limits, or an object with its fields, not {limits!r:.60}")
    chosen = limits if isinstance(limits, Limits) else Limits.from_dict(limits or {})
    settings = JudgeSettings(comparator, isolation, chosen, workers)
    if judge is None:
        return JudgeLease(settings, _make_judge)
    if not callable(getattr(judge, "judge", None)):
        raise ValueError(f"judge must be a judge object such as coderl_env.judge.Judge(), not {judge!r:.60}")
    if settings != JudgeSettings(workers=workers):
        raise ValueError("comparator, isolation and limits belong to the judge that is given; leave them out")
    return GivenJudge(judge)
