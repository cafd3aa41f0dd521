"""The workbench: what a training agent is given: tasks, demonstrations, a judge, a clock, and a place to log.

It keeps hidden tests and reference solutions to itself: an agent sees `Task` and `Judgement`, so it cannot learn from
what it must not know. The only programs it is given are the demonstrations of its supervised stage.
"""

from __future__ import annotations

import hashlib
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from coderl_env.agent import Episode, Task
from coderl_env.datasets import Dataset, load_dataset
from coderl_env.datasets.synth import LEVELS, demonstrations
from coderl_env.experiment.store import Sample
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem
from coderl_env.reward import resolve_reward
from coderl_env.rollout import Submits, make_task
from coderl_env.tokens import Tokenizer

if TYPE_CHECKING:
    from coderl_env.experiment.run_folder import RunFolder
    from coderl_env.experiment.training import TrainConfig

__all__ = ["Lesson", "Progress", "SilentProgress", "StageClock", "Stopping", "Workbench"]

# Of a finite data set without a validation split of its own, about one problem in so many is held out of training.
_VALIDATION_SHARE = 20
_REMEMBERED_PROBLEMS = 50_000


class Progress(Protocol):
    """Where a run reports what it is doing. Called from the training thread only."""

    def start(self, stage: str, total: float, unit: str) -> None:
        """A stage begins; it will take up to `total` of `unit` (`seconds`, `steps` or `programs`)."""
        ...

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        """The stage has done `done` of its total; `figures` are the newest worth showing."""
        ...

    def finish(self, stage: str) -> None:
        """The stage ended."""
        ...


class SilentProgress:
    """Reports nothing."""

    def start(self, stage: str, total: float, unit: str) -> None:
        """Do nothing."""

    def advance(self, stage: str, done: float, figures: Mapping[str, float]) -> None:
        """Do nothing."""

    def finish(self, stage: str) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A demonstration: a program that somebody wrote for a train problem. It may be wrong."""

    task: Task
    program: str


class Stopping:
    """Turns the first Ctrl-C into a request that the training loop answers at the end of its step.

    A second Ctrl-C interrupts at once. As a context manager it puts the earlier handler back; outside of the main
    thread, where Python allows no handlers, it only holds the flag.
    """

    def __init__(self) -> None:
        self.requested = False
        self._earlier: object = None
        self._installed = False

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._earlier = signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._earlier)  # type: ignore[arg-type]  # what `signal` returned
            self._installed = False

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@dataclass(slots=True)
class StageClock:
    """How far a stage has come. Saved with the stage's state, so that a resumed stage gets no second budget.

    Attributes:
        name: the stage.
        seconds_limit: wall time that it may take, or None.
        steps_limit: steps that it may take, or None.
        seconds: wall time taken so far, in steps only: neither validation nor saving.
        step: steps taken so far.
    """

    name: str
    seconds_limit: float | None
    steps_limit: int | None
    seconds: float = 0.0
    step: int = 0

    @property
    def fraction(self) -> float:
        """Share of the budget that is used, 0 to 1; 0 where there is none."""
        shares = [0.0]
        if self.seconds_limit is not None:
            shares.append(self.seconds / max(self.seconds_limit, 1e-9))
        if self.steps_limit is not None:
            shares.append(self.step / max(self.steps_limit, 1))
        return min(1.0, max(shares))

    @property
    def total(self) -> tuple[float, str]:
        """The budget as progress bars show it: an amount and its unit."""
        if self.seconds_limit is not None:
            return self.seconds_limit, "seconds"
        return float(self.steps_limit or 0), "steps"

    @property
    def done(self) -> float:
        """The part of `total` that is used."""
        return self.seconds if self.seconds_limit is not None else float(self.step)


class Workbench:
    """See the module's docstring.

    Attributes:
        config: the run's configuration.
        run: the run's folder.
        tokenizer: of observations and token actions.
        progress: where to report.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: RunFolder,
        judge: Submits,
        tokenizer: Tokenizer,
        progress: Progress,
        stop: Stopping,
    ) -> None:
        self.config = config
        self.run = run
        self.tokenizer = tokenizer
        self.progress = progress
        self._judge = judge
        self._stop = stop
        self._reward = resolve_reward(config.reward)
        self._dataset = open_split(config, config.split)
        self._problems: dict[str, Problem] = {}
        self._waited = 0.0
        self._stages: list[str] = []

    @property
    def stop_requested(self) -> bool:
        """Whether the user asked to stop: save, and raise KeyboardInterrupt."""
        return self._stop.requested

    @property
    def judge_wait_seconds(self) -> float:
        """Wall time spent in `result`, waiting for judgements."""
        return self._waited

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Stages that were asked for, in order."""
        return tuple(self._stages)

    def clock(self, stage: str, seconds: float | None, steps: int | None) -> StageClock:
        """Return the clock of a stage that begins or goes on; set its `seconds` and `step` when it goes on.

        Raises:
            ValueError: neither limit is given, so the stage would never end.
        """
        if seconds is None and steps is None:
            raise ValueError(f"stage {stage!r} has no end; set {stage}_seconds or {stage}_steps")
        return StageClock(stage, seconds, steps)

    def finished(self, stage: str) -> dict[str, Any] | None:
        """Return the result of a stage that the run has finished, or None where it has to be done."""
        if stage not in self._stages:
            self._stages.append(stage)
        return self.run.stage_state(stage)

    def draw_tasks(self, count: int, rng: np.random.Generator) -> list[Task]:
        """Return `count` random train problems that are not held out for validation."""
        tasks: list[Task] = []
        while len(tasks) < count:
            problem = self._dataset.draw(rng)
            if not self._is_validation(problem):
                tasks.append(self._show(problem))
        return tasks

    def validation_tasks(self, count: int) -> list[Task]:
        """Return up to `count` problems, always the same, on which training may be checked but not done."""
        if self._dataset.name == "synth":
            source: Iterator[Problem] = iter(load_dataset("synth", "validation", None, self.config.difficulties))
        else:
            source = (problem for problem in self._dataset if self._is_validation(problem))
        return [self._show(problem) for problem in islice(source, count)]

    def lessons(self) -> list[Lesson]:
        """Return the demonstrations of the supervised stages, `config.demonstrations` at most.

        Synth's are written as people write, some of them wrong (`coderl_env.datasets.synth.demonstrations`). Of other
        data sets they are the reference solutions of the problems that are not held out for validation.
        """
        count = self.config.demonstrations
        if self._dataset.name == "synth":
            extra = {} if self.config.careless is None else {"careless": self.config.careless}
            corpus = demonstrations(count, self.config.seed, self.config.difficulties or LEVELS, **extra)
            return [Lesson(make_task(item.problem), item.program) for item in corpus]
        lessons = (
            Lesson(make_task(problem), program)
            for problem in self._dataset
            if not self._is_validation(problem)
            for program in problem.solutions
        )
        return list(islice(lessons, count))

    def task(self, task_id: str) -> Task:
        """Return the train problem with that id, as a task.

        Raises:
            ValueError: there is none.
        """
        return self._show(self._dataset.get(task_id))

    def submit(self, task: Task, program: str) -> Future[Judgement]:
        """Queue a program of a task that this workbench gave out; it is judged on the problem's hidden tests.

        Raises:
            ValueError: the task is not from here.
        """
        if task.id not in self._problems:
            # Not given out in this process (a resumed stage): the data set knows it all the same.
            self.task(task.id)
        return self._judge.submit(program, self._problems[task.id])

    def result(self, future: Future[Judgement]) -> Judgement:
        """Return a future's judgement, and count the time that was spent waiting for it.

        Raises:
            JudgeError: judging failed; there is no reward then.
        """
        if future.done():
            return future.result()
        begin = time.perf_counter()
        try:
            return future.result()
        finally:
            self._waited += time.perf_counter() - begin

    def reward(self, judgement: Judgement) -> float:
        """Return the return of a judged program under the configured reward."""
        return float(self._reward(judgement))

    def record(self, stage: str, step: int, episodes: Sequence[Episode]) -> None:
        """Keep judged programs in the run's sample store."""
        counts: dict[str, int] = {}
        rows = []
        for episode in episodes:
            if episode.judgement is None:
                continue
            index = counts.get(episode.task_id, 0)
            counts[episode.task_id] = index + 1
            rows.append(
                Sample(
                    stage=stage,
                    step=step,
                    task_id=episode.task_id,
                    sample_index=index,
                    program=episode.text,
                    judgement=episode.judgement.to_dict(),
                    reward=episode.reward,
                    outcome=episode.judgement.outcome.value,
                )
            )
        self.run.samples.add(rows)

    def _show(self, problem: Problem) -> Task:
        if len(self._problems) >= _REMEMBERED_PROBLEMS:
            del self._problems[next(iter(self._problems))]
        self._problems[problem.id] = problem
        return make_task(problem)

    def _is_validation(self, problem: Problem) -> bool:
        if self._dataset.name == "synth":
            return False
        digest = hashlib.blake2b(problem.id.encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") % _VALIDATION_SHARE == 0


def open_split(config: TrainConfig, split: str) -> Dataset:
    """Return the data set of the run's environment, in the split asked for.

    Raises:
        ValueError: an unknown environment, split or difficulty, or missing data.
    """
    return load_dataset(config.dataset, split, config.data_dir, config.difficulties)
