"""The agent protocol: all that a custom agent implements, and the data that passes between it and the library.

Not here: how agents are found by name (`coderl_env.registry`) and how they are driven (`coderl_env.rollout`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from coderl_env.outcome import Judgement
from coderl_env.problem import Problem, TestCase

if TYPE_CHECKING:
    from coderl_env.experiment.workbench import Workbench

__all__ = [
    "Action",
    "Agent",
    "Decision",
    "Episode",
    "Examine",
    "Generates",
    "Program",
    "SamplesWithExamples",
    "Sampling",
    "Task",
    "Trains",
]


@dataclass(frozen=True, slots=True)
class Task:
    """What an agent may know of a problem: no hidden tests and no solutions.

    Attributes:
        id: the problem's id.
        prompt: the full prompt text.
        examples: the public tests of the statement.
        starter_code: text that the program must begin with, or empty.
        entry_point: the function to define, or None for a program that reads standard input.
    """

    id: str
    prompt: str
    examples: tuple[TestCase, ...] = ()
    starter_code: str = ""
    entry_point: str | None = None

    @classmethod
    def from_problem(cls, problem: Problem, prompt: str) -> Task:
        """Return the task of `problem`, whose prompt text is `prompt`."""
        return cls(problem.id, prompt, problem.examples, problem.starter_code, problem.entry_point)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How programs are drawn.

    Attributes:
        temperature: 0 is greedy.
        top_p: nucleus: the smallest set of tokens whose probability reaches it; 1 keeps all.
        seed: seed of the draws.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"temperature must be 0 or more, not {self.temperature!r}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p!r}")


@dataclass(frozen=True, slots=True)
class Decision:
    """An action with what the agent wants to keep of it.

    Attributes:
        action: a token id, or the text of a line or program.
        log_prob: log-probability under the policy that drew it, or None.
        extras: anything else; handed back to the agent untouched.
    """

    action: int | str
    log_prob: float | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


Action = int | str | Decision


@dataclass(frozen=True, slots=True)
class Program:
    """A program that an agent generated.

    Attributes:
        text: the program, the starter code included.
        token_ids: the tokens played, the end token included where it was played and the forced prefix left out; empty
            for a text agent.
        log_probs: one log-probability per token of `token_ids`, or empty.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Episode:
    """A finished episode, as `Agent.learn` receives it.

    Attributes:
        task_id: the problem's id.
        token_ids: tokens played, as in `Program.token_ids`.
        log_probs: one per token, or empty.
        text: the program.
        judgement: the judge's answer, or None where the judge failed and the episode must not be learned from.
        reward: the return of the episode.
        feedback: optional per-token feedback, one number per token of `token_ids`.
    """

    task_id: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    text: str
    judgement: Judgement | None
    reward: float
    feedback: tuple[float, ...] | None = None


@runtime_checkable
class Agent(Protocol):
    """What the library asks of an agent. Optional: `generate`, see `Generates`."""

    def begin(self, tasks: list[Task], sampling: Sampling) -> None:
        """Start one episode per task; the next `act` gets the first observations, in the same order."""
        ...

    def act(self, observations: Sequence[Any], infos: Sequence[Mapping[str, Any]]) -> list[Action]:
        """Return one action per running episode."""
        ...

    def learn(self, episodes: Sequence[Episode]) -> dict[str, float]:
        """Learn from finished episodes and return figures worth logging."""
        ...

    def save(self, path: Path) -> None:
        """Write everything that the factory needs to load the agent again into the folder `path`."""
        ...


@runtime_checkable
class Generates(Protocol):
    """An agent that writes whole programs faster than by stepping.

    Its programs equal those of stepping when greedy, and follow the same distribution when sampling.
    """

    def generate(self, tasks: list[Task], samples: int, sampling: Sampling) -> list[list[Program]]:
        """Return `samples` programs for each task."""
        ...


# Runs programs on the examples of their tasks; None for a task without examples. Raises JudgeError where that fails.
Examine = Callable[[Sequence[tuple[Task, str]]], "list[Judgement | None]"]


@runtime_checkable
class SamplesWithExamples(Protocol):
    """An agent that may run its programs on the public examples of a task, and decide on the next ones by that."""

    def generate_with_examples(
        self, tasks: list[Task], budget: int, sampling: Sampling, examine: Examine
    ) -> list[list[Program]]:
        """Return exactly `budget` generated programs for each task, in the order in which to hand them in."""
        ...


@runtime_checkable
class Trains(Protocol):
    """An agent that knows its own way of training, in stages, instead of being handed episodes by `learn`."""

    def train(self, workbench: Workbench) -> dict[str, Path]:
        """Train, and return one checkpoint folder for each row of the final table.

        The rows that reports know are `warm_start`, `ce_continued`, `rl` and, of an agent that implements
        `SamplesWithExamples`, `rl_critic_sampling`. Stages that the run has finished are
        skipped, and an unfinished one goes on from where it was saved last.
        """
        ...
