"""How programs are spread over places, with places that answer when they are told to, or are lost."""

from __future__ import annotations

import gc
import itertools
import queue
import random
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError, Future

import pytest

from coderl_env.judge import JudgeError
from coderl_env.judge.dispatch import Dispatcher, PlaceLostError
from coderl_env.outcome import CaseResult, Judgement, Outcome, Verdict
from coderl_env.problem import Problem, StdioCase

PROBLEM = Problem("echo", "", (StdioCase("1\n", "1\n"),))
SECONDS = 20.0  # more than a busy machine needs


def judged(program: str) -> Judgement:
    """A judgement that says which program it is of."""
    return Judgement(Outcome.PASSED, (CaseResult(Verdict.ACCEPTED, program),), "none", "lines", "test")


class Place:
    """Takes programs and answers on request."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._taken: queue.SimpleQueue[tuple[str, Future[Judgement]]] = queue.SimpleQueue()

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        future: Future[Judgement] = Future()
        self._taken.put((program, future))
        return future

    def take(self) -> tuple[str, Future[Judgement]]:
        return self._taken.get(timeout=SECONDS)

    def is_left_alone(self) -> bool:
        """Whether nothing comes for a moment."""
        time.sleep(0.05)
        return self._taken.empty()

    def answer(self, count: int = 1) -> list[str]:
        programs = []
        for _ in range(count):
            program, future = self.take()
            future.set_result(judged(program))
            programs.append(program)
        return programs

    def lose(self, count: int = 1) -> list[str]:
        programs = []
        for _ in range(count):
            program, future = self.take()
            future.set_exception(PlaceLostError("the node died"))
            programs.append(program)
        return programs


def program_of(future: Future[Judgement]) -> str:
    return future.result(timeout=SECONDS).cases[0].output


def test_a_place_gets_what_it_can_hold_and_the_rest_waits() -> None:
    small, large = Place(1), Place(3)
    dispatcher = Dispatcher([small, large])
    futures = [dispatcher.submit(str(number), PROBLEM) for number in range(6)]
    taken = [small.take(), *(large.take() for _ in range(3))]
    assert sorted(program for program, _ in taken) == ["0", "1", "2", "3"]
    assert small.is_left_alone()
    assert large.is_left_alone()
    program, future = taken[0]
    future.set_result(judged(program))
    assert small.answer(2) == ["4", "5"]
    for program, future in taken[1:]:
        future.set_result(judged(program))
    assert [program_of(future) for future in futures] == ["0", "1", "2", "3", "4", "5"]
    dispatcher.close()


def test_what_a_lost_place_had_goes_to_another_before_all_else() -> None:
    lost, other = Place(2), Place(2)
    dispatcher = Dispatcher([lost, other])
    futures = [dispatcher.submit(str(number), PROBLEM) for number in range(6)]
    mine = [other.take() for _ in range(2)]
    theirs = set(lost.lose(2))
    for program, future in mine:
        future.set_result(judged(program))
    assert set(other.answer(2)) == theirs
    other.answer(2)
    assert [program_of(future) for future in futures] == ["0", "1", "2", "3", "4", "5"]
    later = dispatcher.submit("later", PROBLEM)
    assert other.answer() == ["later"]
    assert lost.is_left_alone()
    assert program_of(later) == "later"
    dispatcher.close()


def test_a_program_whose_places_are_lost_again_and_again_fails() -> None:
    places = [Place(1) for _ in range(4)]
    dispatcher = Dispatcher(places)
    deadly = dispatcher.submit("deadly", PROBLEM)
    for place in places[:3]:
        assert place.lose() == ["deadly"]
    with pytest.raises(JudgeError, match="3 nodes were lost with a program for problem 'echo': the node died"):
        deadly.result(timeout=SECONDS)
    harmless = dispatcher.submit("harmless", PROBLEM)
    assert places[3].answer() == ["harmless"]
    assert program_of(harmless) == "harmless"
    dispatcher.close()


def test_without_places_every_program_fails_and_none_hangs() -> None:
    place = Place(1)
    dispatcher = Dispatcher([place])
    futures = [dispatcher.submit(str(number), PROBLEM) for number in range(3)]
    place.lose()
    futures.append(dispatcher.submit("late", PROBLEM))
    for future in futures:
        with pytest.raises(JudgeError, match="every node that judged programs was lost"):
            future.result(timeout=SECONDS)
    dispatcher.close()


def test_an_exception_is_an_answer_and_no_reason_to_try_again() -> None:
    place, other = Place(1), Place(1)
    dispatcher = Dispatcher([place, other])
    future = dispatcher.submit("x", PROBLEM)
    place.take()[1].set_exception(ValueError("no such comparator"))
    with pytest.raises(ValueError, match="no such comparator"):
        future.result(timeout=SECONDS)
    assert other.is_left_alone()
    dispatcher.close()


def test_a_program_that_cannot_be_sent_fails_alone() -> None:
    class Picky(Place):
        def submit(self, program: str, problem: Problem) -> Future[Judgement]:
            if program == "unsendable":
                raise TypeError("cannot pickle that")
            return super().submit(program, problem)

    place = Picky(1)
    dispatcher = Dispatcher([place])
    futures = [dispatcher.submit(program, PROBLEM) for program in ("unsendable", "good")]
    assert place.answer() == ["good"]
    with pytest.raises(TypeError, match="cannot pickle that"):
        futures[0].result(timeout=SECONDS)
    assert program_of(futures[1]) == "good"
    dispatcher.close()


def test_close_cancels_what_waits_and_lets_the_places_answer() -> None:
    place = Place(1)
    dispatcher = Dispatcher([place])
    running, waiting = (dispatcher.submit(program, PROBLEM) for program in ("running", "waiting"))
    program, answer = place.take()
    closing = threading.Thread(target=dispatcher.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(timeout=SECONDS)
    assert closing.is_alive()
    answer.set_result(judged(program))
    closing.join(timeout=SECONDS)
    assert program_of(running) == "running"
    dispatcher.close()
    with pytest.raises(RuntimeError, match="the judge is closed"):
        dispatcher.submit("x", PROBLEM)


def test_a_program_that_was_cancelled_is_not_judged() -> None:
    place = Place(1)
    dispatcher = Dispatcher([place])
    first, second, third = (dispatcher.submit(program, PROBLEM) for program in ("first", "second", "third"))
    assert second.cancel()
    assert place.answer(2) == ["first", "third"]
    assert (program_of(first), program_of(third)) == ("first", "third")
    dispatcher.close()


def test_a_forgotten_dispatcher_answers_and_ends() -> None:
    place = Place(1)
    dispatcher = Dispatcher([place])
    thread = dispatcher._thread
    futures = [dispatcher.submit(str(number), PROBLEM) for number in range(3)]
    del dispatcher
    gc.collect()
    assert place.answer(3) == ["0", "1", "2"]
    assert [program_of(future) for future in futures] == ["0", "1", "2"]
    thread.join(timeout=SECONDS)
    assert not thread.is_alive()


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_lost_every_program_is_answered_once(seed: int) -> None:
    """Places answer in any order, and half of them are lost at some time; some after they have begun to answer."""
    rng = random.Random(seed)
    sturdy = [Place(rng.randint(1, 4)) for _ in range(2)]
    doomed = {Place(rng.randint(1, 4)): threading.Event() for _ in range(2)}
    lives = {place: rng.randint(0, 20) for place in doomed}
    answered: Counter[str] = Counter()

    def serve(place: Place) -> None:
        for number in itertools.count():
            if place in sturdy and number == 60:
                # The others must come to their end: of the 200 programs, what is left is for them.
                assert all(end.wait(SECONDS) for end in doomed.values())
            program, future = place.take()
            if program == "over":
                return
            if place in doomed and number >= lives[place]:
                future.set_exception(PlaceLostError("the node died"))
                doomed[place].set()
            else:
                answered[program] += 1
                future.set_result(judged(program))

    threads = [threading.Thread(target=serve, args=(place,)) for place in (*doomed, *sturdy)]
    for thread in threads:
        thread.start()
    dispatcher = Dispatcher([*doomed, *sturdy])
    programs = [str(number) for number in range(200)]
    futures = [dispatcher.submit(program, PROBLEM) for program in programs]
    assert [program_of(future) for future in futures] == programs
    dispatcher.close()
    for place in (*doomed, *sturdy):
        place.submit("over", PROBLEM)
    for thread in threads:
        thread.join(timeout=SECONDS)
    assert answered == Counter(programs)
