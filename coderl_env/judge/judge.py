"""The judge: takes programs and problems, keeps worker processes busy, and answers with judgements."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Iterable
from concurrent.futures import Future
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

__all__ = ["STOPS", "Judge"]

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
        stop: `first_limit` (after a time, memory or output limit the remaining tests are not run), `first_failure` or
            `never`. The outcome is the same under all three.
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
        if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 1):
            raise ValueError(f"workers must be a positive integer or None, not {workers!r}")
        _check_name("comparator", comparator, COMPARATORS)
        _check_name("isolation", isolation, ("auto", *TIERS))
        _check_name("stop", stop, STOPS)
        if limits is not None and not isinstance(limits, Limits):
            raise ValueError(f"limits must be a Limits, not {limits!r}")
        self._size = workers or _processors()
        first, tier = find_tier(isolation)
        self._settings = Settings(limits or Limits(), comparator, stop, tier)
        self._cache = None if cache is None else VerdictCache(Path(cache))
        self._lock = threading.Lock()
        self._reset()
        self._idle.append(first)

    def _reset(self) -> None:
        self._process_id = os.getpid()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle: list[Worker] = []
        self._waiting = 0
        self._closed = False

    @property
    def isolation(self) -> str:
        """The isolation tier that programs run in: `strict`, `portable` or `none`."""
        return self._settings.isolation

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
        futures: list[Future[Judgement]] = []
        known: dict[tuple[str, int], Future[Judgement]] = {}
        held = list(pairs)
        for program, problem in held:
            key = (program, id(problem))
            if key not in known:
                known[key] = self.submit(program, problem)
            futures.append(known[key])
        return [future.result() for future in futures]

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
            if os.getpid() != self._process_id:
                # Forked with the judge inside: its threads and processes stayed with the parent.
                self._reset()
            if self._closed:
                raise RuntimeError("the judge is closed")
            self._waiting += 1
            if len(self._threads) < min(self._size, self._waiting):
                self._start_thread()
            self._queue.put((future, trial))
        return future

    def close(self) -> None:
        """End all worker processes; programs not yet judged are cancelled. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads, self._threads = self._threads, []
            if os.getpid() != self._process_id:
                return
            with contextlib.suppress(queue.Empty):
                while True:
                    item = self._queue.get_nowait()
                    if item is not None:
                        item[0].cancel()
            for _ in threads:
                self._queue.put(None)
        for thread in threads:
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
        thread = threading.Thread(target=self._work, args=(self._queue, worker), name="coderl-judge", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, items: queue.SimpleQueue[_Item | None], worker: Worker) -> None:
        while (item := items.get()) is not None:
            future, trial = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._judge(trial, worker))
                except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
                    future.set_exception(error)
            with self._lock:
                self._waiting -= 1
        worker.close()

    def _judge(self, trial: Trial, worker: Worker) -> Judgement:
        if self._cache is None:
            return _judge_with_retries(trial, worker)
        key = cache_key(trial)
        found = self._cache.get(key)
        if found is None:
            found = _judge_with_retries(trial, worker)
            self._cache.put(key, found)
        return found


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _judge_with_retries(trial: Trial, worker: Worker) -> Judgement:
    for _ in range(_ATTEMPTS):
        try:
            return trial.run(worker)
        except HelperFailure as error:
            failure = error
            worker.restart()
        except OSError as error:
            raise JudgeError(f"the judge could not start a process: {error}") from error
    raise JudgeError(f"the judge failed {_ATTEMPTS} times on a program for problem {trial.problem.id!r}: {failure}")


def _check_name(kind: str, name: object, valid: Iterable[str]) -> None:
    names = tuple(valid)
    if name not in names:
        raise ValueError(f"unknown {kind} {name!r}; valid are {', '.join(names)}")
