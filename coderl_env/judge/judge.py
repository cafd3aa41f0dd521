"""The judge: takes programs and problems, keeps worker processes busy, and answers with judgements."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import threading
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from coderl_env.judge.cache import VerdictCache, cache_key
from coderl_env.judge.compare import COMPARATORS
from coderl_env.judge.errors import JudgeError
from coderl_env.judge.process import HelperFailure
from coderl_env.judge.trial import Settings, Trial
from coderl_env.judge.worker import TIERS, Worker, find_tier
from coderl_env.outcome import Judgement
from coderl_env.problem import Limits, Problem

__all__ = ["STOPS", "Judge", "check_count", "check_settings", "judge_in_order"]

STOPS = ("first_limit", "first_failure", "never")
_ATTEMPTS = 3

_Item = tuple["Future[Judgement]", Trial]


class Judge:
    """Runs programs on problems' tests, isolated and limited, and says what became of them.

    Args:
        workers: how many programs are judged at a time; None is one per processor.
        limits: limits of problems that have none of their own.
        comparator: comparison rule of problems that have none of their own.
        isolation: `auto` (the best tier of this machine, but never none), `strict`, `portable` or `none`.
        stop: `first_limit` (after a time, memory or output limit the remaining tests are not run), `first_failure`
            (tests behind the first failure are not run, or do not count) or `never`. The outcome is the same.
        cache: path of an SQLite file that remembers judgements, or None.

    Raises:
        ValueError: an unknown name or an unusable value.
        IsolationError: this machine does not offer the isolation that was asked for.
    """

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits | None = None,
        comparator: str = "lines",
        isolation: str = "auto",
        stop: str = "first_limit",
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        check_settings(workers, limits, comparator, isolation, stop)
        self._size = workers or _processors()
        first, tier = find_tier(isolation)
        self._settings = Settings(limits or Limits(), comparator, stop, tier)
        self._cache_path = cache
        self._closed = False
        self._begin()
        self._idle.append(first)
        _watch_forks()
        _judges.add(self)

    def _begin(self) -> None:
        """Begin afresh, without threads and workers."""
        self._lock = threading.Lock()
        self._cache = None if self._cache_path is None else VerdictCache(Path(self._cache_path))
        self._backlog = _Backlog()
        self._threads: list[threading.Thread] = []
        self._idle: list[Worker] = []
        # The threads do not hold the judge, so that one that is forgotten ends.
        self._end = weakref.finalize(self, _dismiss, self._backlog, self._threads)
        self._end.atexit = False

    def begin_in_fork(self) -> None:
        """Begin afresh in a process that was forked with the judge inside: its threads stayed with the parent."""
        self._end.detach()
        if not self._closed:
            self._begin()

    @property
    def isolation(self) -> str:
        """The isolation tier that programs run in: `strict`, `portable` or `none`."""
        return self._settings.isolation

    @property
    def stop(self) -> str:
        """When the tests of a program that are left are not run: one of `STOPS`."""
        return self._settings.stop

    def judge(self, program: str, problem: Problem) -> Judgement:
        """Judge one program.

        Raises:
            ValueError: the problem has no tests, or its tests, comparator or checker cannot be used.
            JudgeError: the judge could not do its work.
        """
        return self.submit(program, problem).result()

    def judge_many(self, pairs: Iterable[tuple[str, Problem]]) -> list[Judgement]:
        """Judge many pairs of program and problem; return the judgements in their order.

        The same program for the same problem is judged once.
        """
        return judge_in_order(self.submit, pairs)

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Queue one program and return the future of its judgement.

        Raises:
            ValueError: as `judge`.
            RuntimeError: the judge is closed.
        """
        if not isinstance(program, str):
            raise ValueError(f"a program must be a string, not {type(program).__name__}")
        trial = Trial.prepare(program, problem, self._settings)
        future: Future[Judgement] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the judge is closed")
            if len(self._threads) < min(self._size, self._backlog.add(future, trial)):
                self._start_thread()
        return future

    def close(self) -> None:
        """End all worker processes; programs not yet judged are cancelled. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._backlog.cancel()
        self._end()
        for thread in self._threads:
            thread.join()
        for worker in self._idle:
            worker.close()
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_thread(self) -> None:
        worker = self._idle.pop() if self._idle else Worker(self._settings.isolation)
        arguments = (self._backlog, worker, self._cache)
        thread = threading.Thread(target=_work, args=arguments, name="coderl-judge", daemon=True)
        self._threads.append(thread)
        thread.start()


class _Backlog:
    """The programs of one judge that wait, and how many are not yet done."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0

    def add(self, future: Future[Judgement], trial: Trial) -> int:
        """Queue a program; return how many are not yet done."""
        with self._lock:
            self._count += 1
            count = self._count
        self._items.put((future, trial))
        return count

    def take(self) -> _Item | None:
        """Return the next program, or None for the end; waits for it."""
        return self._items.get()

    def count_done(self) -> None:
        """Count one program as done."""
        with self._lock:
            self._count -= 1

    def cancel(self) -> None:
        """Cancel what waits."""
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._items.get_nowait()
                if item is not None:
                    item[0].cancel()

    def end(self) -> None:
        """Let one of those who take find the end."""
        self._items.put(None)


def _work(backlog: _Backlog, worker: Worker, cache: VerdictCache | None) -> None:
    while (item := backlog.take()) is not None:
        future, trial = item
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(_judge(trial, worker, cache))
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
                future.set_exception(error)
        backlog.count_done()
        # Not kept until the next program comes: the caller may wait for these to be gone.
        del item, future, trial
    worker.close()


def _dismiss(backlog: _Backlog, threads: list[threading.Thread]) -> None:
    for _ in threads:
        backlog.end()


def _judge(trial: Trial, worker: Worker, cache: VerdictCache | None) -> Judgement:
    if cache is None:
        return _judge_with_retries(trial, worker)
    key = cache_key(trial)
    found = cache.get(key)
    if found is None:
        found = _judge_with_retries(trial, worker)
        cache.put(key, found)
    return found


_judges: weakref.WeakSet[Judge] = weakref.WeakSet()


@functools.cache
def _watch_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_begin_in_fork)


def _begin_in_fork() -> None:
    for judge in list(_judges):
        judge.begin_in_fork()


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _judge_with_retries(trial: Trial, worker: Worker) -> Judgement:
    for attempt in range(_ATTEMPTS):
        try:
            return trial.run(worker, again=attempt < _ATTEMPTS - 1)
        except HelperFailure as error:
            failure = error
            worker.restart()
        except OSError as error:
            raise JudgeError(f"the judge could not start a process: {error}") from error
    raise JudgeError(f"the judge failed {_ATTEMPTS} times on a program for problem {trial.problem.id!r}: {failure}")


def check_settings(workers: int | None, limits: Limits | None, comparator: str, isolation: str, stop: str) -> None:
    """Check what a judge is made of.

    Raises:
        ValueError: an unknown name or an unusable value.
    """
    check_count("workers", workers)
    _check_name("comparator", comparator, COMPARATORS)
    _check_name("isolation", isolation, ("auto", *TIERS))
    _check_name("stop", stop, STOPS)
    if limits is not None and not isinstance(limits, Limits):
        raise ValueError(f"limits must be a Limits, not {limits!r}")


def check_count(kind: str, count: int | None) -> None:
    """Check a number that may be left open.

    Raises:
        ValueError: it is neither None nor a positive integer.
    """
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
        raise ValueError(f"{kind} must be a positive integer or None, not {count!r}")


def judge_in_order(
    submit: Callable[[str, Problem], Future[Judgement]], pairs: Iterable[tuple[str, Problem]]
) -> list[Judgement]:
    """Submit pairs of program and problem, each once however often it comes, and return the judgements in order."""
    futures: list[Future[Judgement]] = []
    known: dict[tuple[str, int], Future[Judgement]] = {}
    held = list(pairs)
    for program, problem in held:
        key = (program, id(problem))
        if key not in known:
            known[key] = submit(program, problem)
        futures.append(known[key])
    # Woken once, not for each of them: the workers' threads need the interpreter.
    wait(futures, return_when=FIRST_EXCEPTION)
    return [future.result() for future in futures]


def _check_name(kind: str, name: object, valid: Iterable[str]) -> None:
    names = tuple(valid)
    if name not in names:
        raise ValueError(f"unknown {kind} {name!r}; valid are {', '.join(names)}")
