"""Evaluation on held-out problems: what an agent's programs achieve, greedily and sampled.

Not here: estimators (`coderl_env.experiment.estimators`) and how programs are drawn and judged (`coderl_env.rollout`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from coderl_env.agent import Agent, Episode, Sampling
from coderl_env.experiment.estimators import bootstrap_mean, paired_difference, pass_at_k
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement, Outcome
from coderl_env.problem import Problem
from coderl_env.reward import Reward
from coderl_env.rollout import Submits, collect
from coderl_env.tokens import Tokenizer

__all__ = [
    "Evaluation",
    "Remembering",
    "ShownResult",
    "evaluate",
    "evaluation_row",
    "filtered_pass_at_k",
    "gain_row",
    "judge_examples",
]

Metrics = Mapping[str, Sequence[float]]  # name of a metric -> one value per problem


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of the programs for every problem.

    Attributes:
        problems: ids, in order.
        samples: programs drawn per problem.
        temperature: of the draws.
        top_p: nucleus of the draws.
        sampled: episodes of each problem.
        greedy: the greedy episode of each problem.
    """

    problems: tuple[str, ...]
    samples: int
    temperature: float
    top_p: float
    sampled: tuple[tuple[Episode, ...], ...]
    greedy: tuple[Episode, ...]

    @property
    def passed(self) -> list[int]:
        """Programs that passed, for each problem."""
        return [sum(_passed(episode) for episode in episodes) for episodes in self.sampled]

    @property
    def outcomes(self) -> dict[str, int]:
        """How often each outcome came up among the sampled programs."""
        return _count_outcomes([episode for episodes in self.sampled for episode in episodes])

    def metrics(self, ks: Sequence[int] = (1, 5)) -> dict[str, list[float]]:
        """Return pass@k for every k that there are samples for, and greedy, one value per problem."""
        values = {
            f"pass_at_{k}": [pass_at_k(self.samples, passed, k) for passed in self.passed]
            for k in ks
            if k <= self.samples
        }
        values["greedy"] = [float(_passed(episode)) for episode in self.greedy]
        return values


@dataclass(frozen=True, slots=True)
class ShownResult:
    """Whether one sampled program passed the examples of its statement, and whether it passed the hidden tests."""

    examples: bool
    hidden: bool


class Remembering:
    """A judge that answers a program which it has seen for the same problem from memory.

    Rows of one table share most of their programs. The memory grows with every program, so it is for one evaluation.
    """

    def __init__(self, judge: Submits) -> None:
        self._judge = judge
        self._known: dict[tuple[str, int, str], Future[Judgement]] = {}

    def submit(self, program: str, problem: Problem) -> Future[Judgement]:
        """Return the future of the judgement, which may be there already."""
        # The same id with other tests (examples only) is another problem.
        key = (problem.id, id(problem.tests), program)
        future = self._known.get(key)
        if future is None or (future.done() and future.exception() is not None):
            future = self._known[key] = self._judge.submit(program, problem)
        return future


def evaluate(
    agent: Agent,
    problems: Sequence[Problem],
    judge: Submits,
    *,
    samples: int,
    temperature: float,
    top_p: float = 1.0,
    seed: int,
    reward: Reward,
    tokenizer: Tokenizer,
    max_prompt_tokens: int,
    max_program_tokens: int,
    action_mode: str = "token",
    on_judgement: Callable[[Episode], None] | None = None,
) -> Evaluation:
    """Let `agent` solve `problems`: once greedily and `samples` times at `temperature`.

    Args:
        agent: the agent; it does not learn.
        problems: held-out problems.
        judge: judges on the hidden tests.
        samples: programs per problem.
        temperature: of the draws, above 0.
        top_p: nucleus of the draws.
        seed: seed of the draws.
        reward: recorded in the episodes.
        tokenizer: of observations and token actions.
        max_prompt_tokens: prompt window.
        max_program_tokens: program window.
        action_mode: how an agent without `generate` is stepped.
        on_judgement: called with every episode, greedy ones first.

    Raises:
        ValueError: as `coderl_env.rollout.collect`.
        JudgeError: a program could not be judged; a figure that leaves it out would be wrong.
    """
    shared: dict[str, Any] = {
        "reward": reward,
        "tokenizer": tokenizer,
        "max_prompt_tokens": max_prompt_tokens,
        "max_program_tokens": max_program_tokens,
        "action_mode": action_mode,
        "on_judgement": on_judgement,
    }
    greedy = collect(agent, problems, judge, sampling=Sampling(0.0, 1.0, seed), samples=1, **shared)
    drawn = collect(agent, problems, judge, sampling=Sampling(temperature, top_p, seed), samples=samples, **shared)
    grouped = tuple(tuple(drawn[first : first + samples]) for first in range(0, len(drawn), samples))
    return Evaluation(tuple(problem.id for problem in problems), samples, temperature, top_p, grouped, tuple(greedy))


def judge_examples(evaluation: Evaluation, problems: Sequence[Problem], judge: Submits) -> list[list[ShownResult]]:
    """Run the sampled programs on the examples of their statements, which any solver may do.

    A problem without examples tells nothing: all of its programs count as passing them.

    Args:
        evaluation: the sampled programs.
        problems: its problems, in its order.
        judge: judges the programs.
    """
    waiting: list[list[Future[Judgement] | None]] = []
    for problem, episodes in zip(problems, evaluation.sampled, strict=True):
        shown = replace(problem, tests=problem.examples)
        futures: dict[str, Future[Judgement]] = {}
        if shown.tests:
            for episode in episodes:
                if episode.text not in futures:
                    futures[episode.text] = judge.submit(episode.text, shown)
        waiting.append([futures.get(episode.text) for episode in episodes])
    return [
        [
            ShownResult(future is None or future.result().passed, _passed(episode))
            for future, episode in zip(group, episodes, strict=True)
        ]
        for group, episodes in zip(waiting, evaluation.sampled, strict=True)
    ]


def filtered_pass_at_k(results: Sequence[ShownResult], k: int) -> float:
    """Return the probability that `k` of one problem's programs hold one that passes, examples deciding which.

    The k are drawn without replacement from the programs that pass the examples, and from the others only when those do
    not suffice. All draws are averaged over exactly, as in pass@k.

    Raises:
        ValueError: k is not between 1 and the number of programs.

    >>> filtered_pass_at_k([ShownResult(True, True), ShownResult(False, False)], 1)
    1.0
    """
    if not 1 <= k <= len(results):
        raise ValueError(f"k must be between 1 and the {len(results)} programs, not {k}")
    chosen = [result.hidden for result in results if result.examples]
    others = [result.hidden for result in results if not result.examples]
    if len(chosen) >= k:
        return pass_at_k(len(chosen), sum(chosen), k)
    if any(chosen):
        return 1.0
    return pass_at_k(len(others), sum(others), k - len(chosen))


def evaluation_row(metrics: Metrics, seed: int) -> dict[str, dict[str, float]]:
    """Return each metric's mean with its bootstrap interval over problems, as JSON values."""
    return {name: bootstrap_mean(values, seed=seed).to_dict() for name, values in metrics.items()}


def gain_row(after: Metrics, before: Metrics, seed: int) -> dict[str, dict[str, float]]:
    """Return the paired difference of each metric that both have, with its interval, as JSON values."""
    return {
        name: paired_difference(values, before[name], seed=seed).to_dict()
        for name, values in after.items()
        if name in before
    }


def _passed(episode: Episode) -> bool:
    if episode.judgement is None:
        # Scoring it as failed would be a reward made up; the caller sees the fault instead.
        raise JudgeError(f"a program for {episode.task_id} could not be judged, so there is no figure")
    return episode.judgement.outcome is Outcome.PASSED


def _count_outcomes(episodes: Sequence[Episode]) -> dict[str, int]:
    counts = Counter(episode.judgement.outcome for episode in episodes if episode.judgement is not None)
    return {outcome.value: counts[outcome] for outcome in Outcome}
