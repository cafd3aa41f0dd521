"""What the store of a sweep holds, as frozen data: cells, figures, samples, counts. Not the store itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coderl_env.outcome import Outcome

__all__ = ["GREEDY", "STATUSES", "TRAINING", "Cell", "Metric", "StoredSample", "TaskCount"]

STATUSES = ("waiting", "running", "done", "failed")
GREEDY = -1  # sample index of the greedy program
TRAINING = "train/"  # what the row of a training stage begins with


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of a sweep.

    Attributes:
        cell: number of the cell, from 0 in the order of the sweep.
        name: name of the cell, unique in the sweep.
        variant: name of the cell without its seed: cells that differ in nothing else share it.
        agent: what the sweep calls the agent; its real name is `settings["agent"]`.
        env: id of the environment.
        settings: `TrainConfig.to_dict()` of the run.
        seed: its seed.
        status: one of `STATUSES`.
        error: why a failed cell failed, in one sentence.
        seconds: wall time that the cell has taken, over all attempts.
        folder: its run folder, relative to the sweep's.
        provenance: package and judge version, data set and size, isolation tier, hardware.
    """

    cell: int
    name: str
    variant: str
    agent: str
    env: str
    settings: Mapping[str, Any]
    seed: int
    status: str = "waiting"
    error: str | None = None
    seconds: float | None = None
    folder: str | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of one step.

    Attributes:
        cell: number of the cell.
        stage: stage that logged it.
        step: step of the stage.
        seconds: wall time of the cell at that step, without pauses between attempts; None where it is not known.
        name: name of the figure.
        value: the figure, or None where it was not finite.
    """

    cell: int
    stage: str
    step: int
    seconds: float | None
    name: str
    value: float | None


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A judged program with its texts.

    Attributes:
        row: row of the final table, or `train/` and the stage.
        step: step of the stage; 0 for rows of the final table.
        task_id: the problem's id.
        sample_index: number among the samples of the same row, step and problem; -1 is the greedy one.
        difficulty: of the problem, or None.
        outcome: what the judge said.
        reward: the return of the episode.
        passed_examples: whether it passed the examples of the statement, or None where nobody looked.
        program: its text.
        judgement: `Judgement.to_dict()`, or None.
    """

    row: str
    step: int
    task_id: str
    sample_index: int
    difficulty: str | None
    outcome: Outcome
    reward: float
    passed_examples: bool | None
    program: str
    judgement: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TaskCount:
    """How the samples of one row did on one problem.

    Attributes:
        cell: number of the cell.
        row: the row.
        difficulty: of the problem, or None.
        task_id: the problem's id.
        greedy: whether this is the greedy program, and not the sampled ones.
        outcomes: number of samples with each outcome, in the order of `Outcome`.
        examples: samples that passed the examples of the statement, or None where nobody looked.
        examples_and_passed: samples that passed those and the hidden tests, or None likewise.
    """

    cell: int
    row: str
    difficulty: str | None
    task_id: str
    greedy: bool
    outcomes: tuple[int, int, int, int]
    examples: int | None
    examples_and_passed: int | None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return sum(self.outcomes)

    @property
    def passed(self) -> int:
        """Number of samples that passed."""
        return self.outcomes[Outcome.PASSED.index]
