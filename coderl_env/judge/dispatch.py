"""Programs spread over the places that judge them; what a lost place had is handed to another.

One thread decides, alone: it hears of new programs, answers and lost places through one queue. Not here: what a place
is (`coderl_env.judge.ray_actors` makes them of a cluster's nodes).
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from coderl_env.judge.errors import JudgeError
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

__all__ = ["Dispatcher", "Place", "PlaceLostError"]

_ATTEMPTS = 3


class PlaceLostError(Exception):
    """A place is gone, and with it the programs that it had: nothing is known of them."""


class Place(Protocol):
    """Where programs are judged, such as a node of a cluster.

    Attributes:
        capacity: programs that it is given at a time, those that wait there included.
    """

    capacity: int

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Hand a program over; the future raises `PlaceLostError` where the place is lost before it has answered."""
        ...


class Dispatcher:
    """Hands each program to the place that has least to do, and to another if that one is lost.

    A program whose places were lost three times fails with a `JudgeError`, as all do when no place is left. One that is
    forgotten still answers for the programs that it was given.

    Args:
        places: where programs are judged.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        inbox: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._inbox = inbox
        self._lock = threading.Lock()
        self._closed = False
        # The thread does not hold the dispatcher, so that one that is forgotten ends.
        self._thread = threading.Thread(target=_Desk(places, inbox).serve, name="coderl-dispatch", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, inbox.put, _Ending.FINISH)
        self._end.atexit = False

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Queue one program and return the future of its judgement.

        Raises:
            RuntimeError: the dispatcher is closed.
        """
        order = _Order(program, problem, Future())
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is closed")
            self._inbox.put(order)
        return order.future

    def close(self) -> None:
        """Cancel the programs that wait, and return when the places have answered for theirs. May be called twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._inbox.put(_Ending.CANCEL)
        self._thread.join()


@dataclass(slots=True, eq=False)
class _Order:
    program: str
    problem: Problem
    future: Future[Judgement]
    losses: int = 0


class _Ending(Enum):
    CANCEL = "cancel what waits"
    FINISH = "judge what waits"


_Event = _Order | _Ending | tuple[Place, _Order, "Future[Judgement]"]


class _Desk:
    """What the dispatching thread knows."""

    def __init__(self, places: Sequence[Place], inbox: queue.SimpleQueue[_Event]) -> None:
        self._inbox = inbox
        self._loads: dict[Place, int] = dict.fromkeys(places, 0)  # of the places that are left
        self._waiting: deque[_Order] = deque()
        self._away = 0  # programs handed out, those of lost places included until they are known to be lost
        self._ending = False

    def serve(self) -> None:
        """Dispatch until the end."""
        while not self._ending or self._waiting or self._away:
            # Not kept in a name until the next event comes: the caller may wait for its program to be gone.
            self._hear(self._inbox.get())
            self._hand_out()

    def _hear(self, event: _Event) -> None:
        if isinstance(event, _Order):
            self._waiting.append(event)
        elif isinstance(event, _Ending):
            self._ending = True
            if event is _Ending.CANCEL:
                # What comes from a lost place runs already, and cannot be cancelled any more.
                self._waiting = deque(order for order in self._waiting if not order.future.cancel())
        else:
            self._settle(*event)

    def _settle(self, place: Place, order: _Order, answer: Future[Judgement]) -> None:
        self._away -= 1
        error = answer.exception()
        if isinstance(error, PlaceLostError):
            self._loads.pop(place, None)
            order.losses += 1
            if order.losses < _ATTEMPTS:
                self._waiting.appendleft(order)
                return
            error = JudgeError(f"{_ATTEMPTS} nodes were lost with a program for problem {order.problem.id!r}: {error}")
        elif place in self._loads:
            self._loads[place] -= 1
        if error is None:
            order.future.set_result(answer.result())
        else:
            order.future.set_exception(error)

    def _hand_out(self) -> None:
        while self._waiting and self._loads:
            place = min(self._loads, key=lambda place: self._loads[place] / place.capacity)
            if self._loads[place] >= place.capacity:
                return
            order = self._waiting.popleft()
            if _claim(order.future):
                self._hand(order, place)
        if not self._loads:
            for order in self._waiting:
                if _claim(order.future):
                    order.future.set_exception(JudgeError("every node that judged programs was lost"))
            self._waiting.clear()

    def _hand(self, order: _Order, place: Place) -> None:
        try:
            answer = place.submit(order.program, order.problem)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the future
            order.future.set_exception(error)
            return
        self._away += 1
        self._loads[place] += 1
        inbox = self._inbox
        answer.add_done_callback(lambda answer: inbox.put((place, order, answer)))


def _claim(future: Future[Judgement]) -> bool:
    """Say that a program is being judged, where that is not said yet; return False where it was cancelled."""
    return future.running() or future.set_running_or_notify_cancel()
