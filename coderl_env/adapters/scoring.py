"""What all adapters share: a task's id and a completion in, a judged program and its reward out.

A reward is keyed by the id of the task and by nothing else, so that every member of a group, on every machine, is
judged by the same tests, and no state of an environment matters.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from coderl_env.adapters.extraction import COMPLETION_STYLES, Completion, extract_program
from coderl_env.datasets import Dataset, ProblemSet
from coderl_env.datasets.catalog import SPLITS
from coderl_env.env.arguments import check_choice
from coderl_env.env.judge_lease import Judges, lease_judge
from coderl_env.env.serving import ProblemSource, open_source
from coderl_env.judge import JudgeError
from coderl_env.naming import unknown_name
from coderl_env.outcome import Judgement, Outcome
from coderl_env.problem import Limits, Problem
from coderl_env.prompt import build_prompt
from coderl_env.reward import Reward, needs_all_tests, resolve_reward
from coderl_env.starter import join_starter

__all__ = ["ProgramScorer", "Scored", "ScorerSettings", "make_scorer", "prompt_rows", "shared_scorer"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A completion that was judged.

    Attributes:
        task_id: the problem's id.
        program: what was judged: the program of the completion, with the starter code where it was missing.
        judgement: the judge's answer, or None where the judge failed.
        reward: what the judgement is worth, or None where the judge failed.
        error: what the judge failed of, otherwise empty.
    """

    task_id: str
    program: str
    judgement: Judgement | None
    reward: float | None
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether the program passed every test."""
        return self.judgement is not None and self.judgement.outcome is Outcome.PASSED

    @property
    def pass_fraction(self) -> float:
        """Share of the tests that were accepted, 0 to 1; 0 where the judge failed."""
        return 0.0 if self.judgement is None else self.judgement.pass_fraction

    def required(self) -> float:
        """Return the reward.

        Raises:
            JudgeError: there is none, because the judge failed.
        """
        if self.reward is None:
            raise JudgeError(f"a completion for {self.task_id!r} could not be judged: {self.error}")
        return self.reward


@dataclass(frozen=True, eq=False)
class ScorerSettings:
    """What decides about a completion. The names are those of the environments' arguments.

    Attributes:
        dataset: name of a data set, a `Dataset`, or None: then the ids say which (`synth/train/1/7`, `apps/test/0042`).
        split: part of the data set; None is its default, or what the ids say.
        data_dir: folder of the data, where it does not ship with the package.
        difficulties: only problems of these difficulties.
        tests: what decides: `hidden`, `examples` or `all`.
        reward: name of a reward, or a function of a `Judgement`.
        completion: how the program is found in a completion: `auto`, `fenced` or `raw` (`.extraction`).
        comparator: how the judge compares outputs.
        isolation: the judge's isolation tier.
        limits: limits of a program.
        judge: a judge to use, and to leave open; excludes `comparator`, `isolation` and `limits`.
        workers: programs that are judged at a time; None is one per processor.
    """

    dataset: str | Dataset | None = None
    split: str | None = None
    data_dir: str | Path | None = None
    difficulties: Sequence[str] | None = None
    tests: str = "hidden"
    reward: str | Reward = "coderl"
    completion: str = "auto"
    comparator: str = "lines"
    isolation: str = "auto"
    limits: Limits | Mapping[str, Any] | None = None
    judge: Judges | None = field(default=None, repr=False)
    workers: int | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ScorerSettings:
        """Return the settings that `values` name.

        Raises:
            ValueError: there is no such setting.
        """
        names = [item.name for item in fields(cls)]
        for name in values:
            if name not in names:
                raise ValueError(unknown_name("setting of a reward", name, names))
        return cls(**values)


class ProgramScorer:
    """Judges completions of tasks; safe in threads. Pickles as its settings.

    Raises:
        ValueError: a setting is unknown or unusable.
    """

    def __init__(self, settings: ScorerSettings) -> None:
        self.settings = settings
        check_choice("style of completion", settings.completion, COMPLETION_STYLES)
        self._reward = resolve_reward(settings.reward)
        if getattr(settings.judge, "stop", None) == "first_failure" and needs_all_tests(self._reward):
            raise ValueError(
                f"reward {settings.reward!r} reads the share of tests passed, and a judge with stop='first_failure' "
                "does not run them all; give it stop='first_limit'"
            )
        self._lease = lease_judge(
            settings.judge, settings.comparator, settings.isolation, settings.limits, settings.workers
        )
        self._lock = threading.Lock()
        self._sources: dict[tuple[str, str], ProblemSource] = {}
        self._source = None
        if settings.dataset is not None:
            self._source = open_source(
                settings.dataset, settings.split, settings.data_dir, settings.difficulties, settings.tests
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings,)

    def problem(self, task_id: str) -> Problem:
        """Return the problem of that id, with the tests that decide.

        Raises:
            ValueError: there is none.
        """
        if not isinstance(task_id, str):
            raise ValueError(f"a task is named by its problem's id, such as 'synth/train/1/7', not by {task_id!r:.60}")
        return (self._source or self._source_of(task_id)).get(task_id)

    def score(self, task_id: str, completion: Completion) -> Scored:
        """Judge one completion; where the judge fails, the answer says so.

        Raises:
            ValueError: an unknown task, or no completion.
        """
        return self.score_many([task_id], [completion])[0]

    def score_many(self, task_ids: Sequence[str], completions: Sequence[Completion]) -> list[Scored]:
        """Judge completions, several at a time; the same program for the same task is judged once.

        Raises:
            ValueError: as `score`, or there are not as many tasks as completions.
        """
        if len(task_ids) != len(completions):
            raise ValueError(f"{len(completions)} completions need as many tasks, not {len(task_ids)}")
        # Looked up once for each task: a procedural data set makes its problems anew.
        problems = {task_id: self.problem(task_id) for task_id in dict.fromkeys(task_ids)}
        pairs = [
            (task_id, self._program(problems[task_id], completion))
            for task_id, completion in zip(task_ids, completions, strict=True)
        ]
        futures: dict[tuple[str, str], Future[Judgement]] = {}
        for task_id, program in pairs:
            if (task_id, program) not in futures:
                futures[task_id, program] = self._lease.submit(program, problems[task_id])
        return [self._scored(task_id, program, futures[task_id, program]) for task_id, program in pairs]

    def close(self) -> None:
        """Give the judge back; more than once is legal, and the next completion takes it again."""
        self._lease.release()

    def _program(self, problem: Problem, completion: Completion) -> str:
        return join_starter(problem.starter_code, extract_program(completion, self.settings.completion))

    def _scored(self, task_id: str, program: str, future: Future[Judgement]) -> Scored:
        try:
            judgement = future.result()
        except JudgeError as error:
            return Scored(task_id, program, None, None, str(error))
        reward = float(self._reward(judgement))
        if not math.isfinite(reward):
            raise ValueError(f"the reward of outcome {judgement.outcome.value!r} must be a finite number, not {reward}")
        return Scored(task_id, program, judgement, reward)

    def _source_of(self, task_id: str) -> ProblemSource:
        """Return the data set that an id names: its first part is the data set, its second the split."""
        name, split = (*task_id.split("/"), "")[:2]
        if name not in SPLITS or split not in SPLITS[name]:
            raise ValueError(
                f"task {task_id!r} does not say where it comes from, as 'synth/train/1/7' does; name the data set: "
                "dataset=..., split=..., data_dir=..."
            )
        with self._lock:
            if (name, split) not in self._sources:
                self._sources[name, split] = open_source(
                    name, split, self.settings.data_dir, self.settings.difficulties, self.settings.tests
                )
            return self._sources[name, split]


def make_scorer(settings: Mapping[str, Any]) -> ProgramScorer:
    """Return a scorer with the settings that `settings` name.

    Raises:
        ValueError: a setting is unknown or unusable.
    """
    return ProgramScorer(ScorerSettings.of(settings))


_shared_lock = threading.Lock()
_shared: dict[str, ProgramScorer] = {}


def shared_scorer(settings: Mapping[str, Any]) -> ProgramScorer:
    """Return this process's one scorer with these settings, which are JSON values.

    For libraries that call a plain function and hand over its settings every time.

    Raises:
        ValueError: a setting is unknown or unusable, or no JSON value.
    """
    try:
        key = json.dumps(dict(settings), sort_keys=True)
    except TypeError as error:
        raise ValueError(f"settings handed over with every call are JSON values: {error}") from None
    with _shared_lock:
        if key not in _shared:
            _shared[key] = make_scorer(settings)
        return _shared[key]


def prompt_rows(
    dataset: Dataset, count: int | None = None, *, chat: bool = False, seed: int = 0
) -> list[dict[str, Any]]:
    """Return rows with `prompt` and `task_id`, as trainers want them.

    Args:
        dataset: where the problems come from.
        count: how many; needed where the data set is endless, otherwise all by default.
        chat: whether `prompt` is a list of one user message rather than text.
        seed: seed of the draws from an endless data set.

    Raises:
        ValueError: an endless data set without a count.
    """
    problems = _problems(dataset, count, seed)
    return [{"prompt": _prompt(problem, chat=chat), "task_id": problem.id} for problem in problems]


def _problems(dataset: Dataset, count: int | None, seed: int) -> list[Problem]:
    if isinstance(dataset, ProblemSet):
        return list(dataset.problems[:count])
    if count is None:
        raise ValueError(f"data set {dataset.name!r} has no end; say how many rows with count=")
    import numpy as np

    rng = np.random.default_rng(seed)
    return [dataset.draw(rng) for _ in range(count)]


def _prompt(problem: Problem, *, chat: bool) -> str | list[dict[str, str]]:
    text = build_prompt(problem)
    return [{"role": "user", "content": text}] if chat else text
