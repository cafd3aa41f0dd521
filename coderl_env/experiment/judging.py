"""Judging a stream of programs into a store: many at a time, written in order, with a page of them in memory.

What is written is a prefix of the stream, so that a stream that is judged again in the same order goes on after what
the store has. Not here: where the programs come from (`coderl_env.experiment.predictions`, `.rejudging`).
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, replace

from coderl_env.experiment.sweep.records import StoredSample
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem
from coderl_env.reward import Reward
from coderl_env.rollout import Submits

__all__ = ["Work", "judge_into"]

_AHEAD = 256  # programs handed to the judge before the first of them is waited for
_REMEMBERED = 2048
_BATCH = 200
_BATCH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Work:
    """A program to judge.

    Attributes:
        row: row of the table that it belongs to.
        step: step of that row's stage, 0 for an evaluation.
        sample_index: number among the programs of the same row, step and problem; -1 is a greedy one.
        program: its text.
        problem: what it is to solve.
        on_examples: whether it is also run on the examples of the statement, for n@k.
    """

    row: str
    step: int
    sample_index: int
    program: str
    problem: Problem
    on_examples: bool = False


def judge_into(
    store: SweepStore,
    cell: int,
    work: Iterable[Work],
    judge: Submits,
    reward: Reward,
    *,
    on_judged: Callable[[StoredSample], None] | None = None,
) -> None:
    """Judge programs and write them into a store, in their order.

    Equal programs for the same problem that come close together are judged once, and all of them count.

    Args:
        store: where they are written.
        cell: number of the cell that they belong to.
        work: the programs.
        judge: judges them on the hidden tests.
        reward: recorded with each.
        on_judged: called with each in its order, before it is written.

    Raises:
        JudgeError: a program could not be judged; those before it are written.
        OSError: the store cannot be written.
    """
    submit = _Recent(judge)
    waiting: deque[tuple[Work, Future[Judgement], Future[Judgement] | None]] = deque()
    ready: list[StoredSample] = []
    written = time.monotonic()

    def finish() -> None:
        nonlocal written
        sample = _finished(*waiting.popleft(), reward)
        if on_judged is not None:
            on_judged(sample)
        ready.append(sample)
        if len(ready) >= _BATCH or time.monotonic() - written > _BATCH_SECONDS:
            store.add_samples(cell, ready)
            ready.clear()
            written = time.monotonic()

    try:
        for item in work:
            shown = None
            if item.on_examples and item.problem.examples:
                shown = submit(item.program, replace(item.problem, tests=item.problem.examples))
            waiting.append((item, submit(item.program, item.problem), shown))
            if len(waiting) >= _AHEAD:
                finish()
        while waiting:
            finish()
    finally:
        store.add_samples(cell, ready)


class _Recent:
    """A judge that answers from memory for the programs that it saw last."""

    def __init__(self, judge: Submits) -> None:
        self._judge = judge
        self._known: OrderedDict[tuple[str, bool, str], Future[Judgement]] = OrderedDict()

    def __call__(self, program: str, problem: Problem) -> Future[Judgement]:
        # The examples of a problem are tests of their own.
        key = (problem.id, problem.tests == problem.examples, program)
        future = self._known.pop(key, None)
        if future is None:
            future = self._judge.submit(program, problem)
            if len(self._known) >= _REMEMBERED:
                self._known.popitem(last=False)
        self._known[key] = future
        return future


def _finished(item: Work, hidden: Future[Judgement], shown: Future[Judgement] | None, reward: Reward) -> StoredSample:
    judgement = hidden.result()
    return StoredSample(
        row=item.row,
        step=item.step,
        task_id=item.problem.id,
        sample_index=item.sample_index,
        difficulty=item.problem.difficulty,
        outcome=judgement.outcome,
        reward=float(reward(judgement)),
        # A problem without examples tells nothing: all of its programs count as passing them.
        passed_examples=(shown is None or shown.result().passed) if item.on_examples else None,
        program=item.program,
        judgement=judgement.to_dict(timing=False),
    )
