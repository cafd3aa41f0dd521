"""The programs of a vector that are being judged, each known by the number of its environment."""

from __future__ import annotations

import queue
from concurrent.futures import Future

from coderl_env.env.judge_lease import GivenJudge, JudgeLease
from coderl_env.env.rules import EpisodeOverError
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

__all__ = ["Docket"]

_Item = tuple[int, "Future[Judgement]"]


class Docket:
    """The programs being judged, and those that have been; one at a time for each environment.

    Args:
        lease: the judge.
    """

    def __init__(self, lease: JudgeLease | GivenJudge) -> None:
        self._lease = lease
        self._pending: dict[int, Future[Judgement]] = {}
        # None stands for the end.
        self._done: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()

    def __len__(self) -> int:
        """How many programs have not been taken back."""
        return len(self._pending)

    def submit(self, env_id: int, program: str, problem: Problem) -> None:
        """Hand the program of an environment to the judge.

        Raises:
            ValueError: the problem cannot be judged.
            JudgeError: there is no judge to be had.
        """
        done = self._done
        future = self._lease.submit(program, problem)
        self._pending[env_id] = future
        future.add_done_callback(lambda future: done.put((env_id, future)))

    def take(self, wait: bool) -> _Item | None:
        """Return an environment whose program has been judged, and the future that says how.

        Args:
            wait: whether to wait for one; otherwise None is returned where there is none.

        Raises:
            EpisodeOverError: the vector was closed while this waited.
        """
        while True:
            try:
                item = self._done.get(block=wait)
            except queue.Empty:
                return None
            if item is None:
                self._done.put(None)  # for whoever else waits
                raise EpisodeOverError("the environment was closed while programs were being judged")
            # A program that was abandoned may still be judged.
            if self._pending.get(item[0]) is item[1]:
                del self._pending[item[0]]
                return item

    def abandon(self) -> None:
        """Forget all programs; those that no judge has begun with are never judged."""
        abandoned = list(self._pending.values())
        self._pending.clear()
        for future in abandoned:
            future.cancel()

    def close(self) -> None:
        """Forget all programs, wake whoever waits for one, and give the judge back without waiting for it."""
        self._done.put(None)
        self.abandon()
        self._lease.release(wait=False)
