"""Evaluation of agents that run their programs on the examples of the statement before they hand any in.

The agent generates a budget of programs for each problem and puts them in order; pass@k is whether one of the first k
passes the hidden tests, which the agent never sees. Not here: how it chooses (that is the agent's).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from coderl_env.agent import Episode, Examine, Program, SamplesWithExamples, Sampling, Task
from coderl_env.experiment.evaluation import Evaluation
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem
from coderl_env.reward import Reward
from coderl_env.rollout import Submits, make_task

__all__ = ["evaluate_with_examples", "examiner", "handed_in"]

_CHUNK_PROBLEMS = 50


def evaluate_with_examples(
    agent: SamplesWithExamples,
    problems: Sequence[Problem],
    judge: Submits,
    *,
    budget: int,
    sampling: Sampling,
    reward: Reward,
    on_judgement: Callable[[Episode], None] | None = None,
) -> Evaluation:
    """Let `agent` generate `budget` programs for each problem; they stand in the order in which it hands them in.

    Args:
        agent: the agent; it does not learn.
        problems: held-out problems.
        judge: judges on examples while the agent decides, and on the hidden tests afterwards.
        budget: programs generated for each problem, whatever becomes of them.
        sampling: how they are drawn.
        reward: recorded in the episodes.
        on_judgement: called with every episode.

    Raises:
        ValueError: the agent generated another number of programs.
        JudgeError: a program could not be judged; a figure that leaves it out would be wrong.
    """
    sampled: list[tuple[Episode, ...]] = []
    for number, first in enumerate(range(0, len(problems), _CHUNK_PROBLEMS)):
        chunk = problems[first : first + _CHUNK_PROBLEMS]
        # Each chunk draws from a stream of its own; equal seeds would repeat the first chunk's noise.
        drawn_with = replace(sampling, seed=sampling.seed + 1_000_003 * number)
        tasks = [make_task(problem) for problem in chunk]
        programs = agent.generate_with_examples(tasks, budget, drawn_with, examiner(chunk, judge))
        _check_budget(tasks, programs, budget)
        for episodes in _judged(chunk, programs, judge, reward):
            sampled.append(episodes)
            for episode in episodes:
                if on_judgement is not None:
                    on_judgement(episode)
    ids = tuple(problem.id for problem in problems)
    return Evaluation(ids, budget, sampling.temperature, sampling.top_p, tuple(sampled), ())


def examiner(problems: Sequence[Problem], judge: Submits) -> Examine:
    """Return a function that runs programs on the examples of `problems`, and on nothing else."""
    shown = {problem.id: replace(problem, tests=problem.examples) for problem in problems}

    def examine(programs: Sequence[tuple[Task, str]]) -> list[Judgement | None]:
        waiting: dict[tuple[str, str], Future[Judgement] | None] = {}
        for task, text in programs:
            if (task.id, text) not in waiting:
                problem = shown[task.id]
                waiting[task.id, text] = judge.submit(text, problem) if problem.tests else None
        return [
            None if future is None else future.result()
            for future in (waiting[task.id, text] for task, text in programs)
        ]

    return examine


def handed_in(evaluation: Evaluation, k: int) -> list[float]:
    """Return for each problem whether one of the first `k` programs passed, 1.0 or 0.0.

    Raises:
        ValueError: k is not between 1 and the number of programs.
    """
    if not 1 <= k <= evaluation.samples:
        raise ValueError(f"k must be between 1 and the {evaluation.samples} programs, not {k}")
    return [
        float(any(episode.judgement is not None and episode.judgement.passed for episode in episodes[:k]))
        for episodes in evaluation.sampled
    ]


def _check_budget(tasks: Sequence[Task], programs: Sequence[Sequence[Program]], budget: int) -> None:
    for task, group in zip(tasks, programs, strict=True):
        if len(group) != budget:
            raise ValueError(f"the agent generated {len(group)} programs for {task.id}, and its budget was {budget}")


def _judged(
    problems: Sequence[Problem], programs: Sequence[Sequence[Program]], judge: Submits, reward: Reward
) -> list[tuple[Episode, ...]]:
    futures = [
        {text: judge.submit(text, problem) for text in dict.fromkeys(program.text for program in group)}
        for problem, group in zip(problems, programs, strict=True)
    ]
    return [
        tuple(_episode(problem, program, waiting[program.text].result(), reward) for program in group)
        for problem, group, waiting in zip(problems, programs, futures, strict=True)
    ]


def _episode(problem: Problem, program: Program, judgement: Judgement, reward: Reward) -> Episode:
    value = float(reward(judgement))
    return Episode(problem.id, program.token_ids, program.log_probs, program.text, judgement, value)
