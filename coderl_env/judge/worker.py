"""One judging worker: its zygotes, started when needed, and restarted when they fail."""

from __future__ import annotations

from collections.abc import Sequence

from coderl_env.judge.errors import IsolationError
from coderl_env.judge.process import Connection, HelperFailure, Referee, UnavailableTier, Zygote, numpy_is_installed

__all__ = ["TIERS", "Worker", "find_tier", "tier_report"]

TIERS = ("strict", "portable", "none")
_HOW_TO_GO_ON = (
    "to run programs without isolation, with all your rights, ask for it by name: isolation='none', on the command "
    "line --isolation none"
)


class Worker:
    """Owns the helper processes with which one program at a time is judged.

    Args:
        tier: isolation tier of its zygotes.
        without: guards to leave out, as in `Zygote`.
    """

    def __init__(self, tier: str, without: Sequence[str] = ()) -> None:
        self._tier = tier
        self._without = without
        self._zygotes: dict[bool, Zygote] = {}
        self._referee: Referee | None = None
        self._tests: Connection | None = None

    def zygote(self, *, numpy: bool) -> Zygote:
        """Return the zygote with or without numpy, started if it is not running."""
        numpy = numpy and numpy_is_installed()
        if numpy not in self._zygotes:
            self._zygotes[numpy] = Zygote(self._tier, numpy=numpy, without=self._without)
        return self._zygotes[numpy]

    def tests(self) -> Connection:
        """Return the connection to the trusted process that runs a program's asserts and checkers."""
        if self._tests is None:
            if self._referee is None:
                self._referee = Referee()
            self._tests = self._referee.begin()
        return self._tests

    def end_tests(self) -> None:
        """End that process: after a test that did not return, and when the program is judged.

        Nothing that a test did, or a program's answer in it, outlives it.
        """
        if self._tests is not None:
            self._tests.socket.close()
            self._tests = None
        if self._referee is not None:
            self._referee.end()

    def restart(self) -> None:
        """End all processes; new ones are started when needed."""
        self.close()

    def close(self) -> None:
        """End all processes."""
        self.end_tests()
        if self._referee is not None:
            self._referee.close()
            self._referee = None
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()


def find_tier(isolation: str) -> tuple[Worker, str]:
    """Return a running worker of the tier `isolation`, for `auto` of the best that is to be had, and the tier's name.

    Raises:
        IsolationError: the machine does not offer it; `auto` never falls back to none.
    """
    wanted = ("strict", "portable") if isolation == "auto" else (isolation,)
    reasons = []
    for tier in wanted:
        worker = Worker(tier)
        try:
            worker.zygote(numpy=False)
        except UnavailableTier as reason:
            reasons.append(f"{tier}: {reason}")
        except HelperFailure as reason:
            reasons.append(f"{tier}: {reason}")
        else:
            return worker, tier
    raise IsolationError(f"this machine does not offer isolation ({'; '.join(reasons)}); {_HOW_TO_GO_ON}")


def tier_report() -> dict[str, str]:
    """Return for each tier `available`, or why it is not."""
    report = {}
    for tier in TIERS:
        try:
            Zygote(tier).close()
        except (UnavailableTier, HelperFailure) as reason:
            report[tier] = str(reason)
        else:
            report[tier] = "available"
    return report
