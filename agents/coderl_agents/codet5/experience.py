"""Programs drawn for training, being judged, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from coderl_agents.codet5.batches import Example
from coderl_env.agent import Episode, Program, Sampling, Task
from coderl_env.experiment.store import Sample
from coderl_env.experiment.workbench import Workbench
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement, Outcome

if TYPE_CHECKING:
    from coderl_agents.codet5.agent import CodeT5Agent
    from coderl_agents.codet5.writer import Writer

__all__ = [
    "Drawing",
    "Experience",
    "Group",
    "Row",
    "draw_programs",
    "groups_of_samples",
    "judged_groups",
    "pack",
    "pack_groups",
    "receive",
    "stored_groups",
    "unpack",
    "unpack_groups",
]

_STREAMS = {"critic": 11, "rl": 12}  # keeps the draws of the stages apart


@dataclass(frozen=True, slots=True)
class Row:
    """One distinct program of a problem.

    Attributes:
        example: prompt and program as tokens.
        log_probs: of its tokens, under the policy that drew it.
        count: how often it was drawn.
        outcome: what the judge said.
        reward: the return of that.
    """

    example: Example
    log_probs: tuple[float, ...]
    count: int
    outcome: Outcome
    reward: float


@dataclass(frozen=True, slots=True)
class Group:
    """All programs of one problem.

    Attributes:
        task: the problem.
        rows: its distinct programs.
        greedy_reward: the return of the greedy program, or None where none was asked for.
    """

    task: Task
    rows: tuple[Row, ...]
    greedy_reward: float | None

    @property
    def drawn(self) -> int:
        """Number of programs drawn."""
        return sum(row.count for row in self.rows)

    @property
    def mean_reward(self) -> float:
        """Mean return of the programs drawn."""
        return sum(row.count * row.reward for row in self.rows) / self.drawn


@dataclass(frozen=True, slots=True)
class Drawing:
    """Programs that are with the judge.

    Attributes:
        step: step of the stage.
        tasks: the problems.
        programs: those drawn for each problem; the greedy one last, where there is one.
        futures: their judgements, in the same shape.
        has_greedy: whether there are greedy ones.
    """

    step: int
    tasks: list[Task]
    programs: list[list[Program]]
    futures: list[list[Future[Judgement]]]
    has_greedy: bool


@dataclass(frozen=True, slots=True)
class Experience:
    """Judged programs.

    Attributes:
        step: step of the stage.
        groups: one per problem; problems with a program that could not be judged are left out.
        episodes: every program, for the sample store.
        lost: problems left out.
    """

    step: int
    groups: list[Group]
    episodes: list[Episode]
    lost: int

    def figures(self) -> dict[str, float]:
        """Return means over all programs drawn."""
        rows = [row for group in self.groups for row in group.rows]
        total = max(1, sum(row.count for row in rows))
        shares = Counter[Outcome]()
        for row in rows:
            shares[row.outcome] += row.count
        figures = {
            "pass_rate": shares[Outcome.PASSED] / total,
            "reward": sum(row.count * row.reward for row in rows) / total,
            "compile_errors": shares[Outcome.COMPILE_ERROR] / total,
            "runtime_errors": shares[Outcome.RUNTIME_ERROR] / total,
            "distinct": len(rows) / total,
            "tokens": sum(row.count * len(row.example.target) for row in rows) / total,
        }
        greedy = [group.greedy_reward for group in self.groups if group.greedy_reward is not None]
        if greedy:
            figures["greedy_reward"] = float(np.mean(greedy))
        return figures


def draw_programs(
    agent: CodeT5Agent,
    workbench: Workbench,
    stage: str,
    step: int,
    *,
    has_greedy: bool,
    spread: int = 1,
    writer: Writer | None = None,
    seed_step: int | None = None,
) -> Drawing:
    """Draw programs for fresh train problems with the current actor, and hand them to the judge.

    Args:
        agent: the actor.
        workbench: where problems and judge are.
        stage: name of the stage, which decides the draws together with the step and the run's seed.
        step: number of the step.
        has_greedy: draw the greedy program of each problem too.
        spread: draw for up to so many times as many problems, and so many times fewer programs of each; their number in
            all stays the same.
        writer: draws instead of the agent's own, where the current actor should not.
        seed_step: step that decides the draws instead, so that a batch can come again.
    """
    config, settings = workbench.config, agent.settings
    source = agent if writer is None else writer
    rng = np.random.default_rng([config.seed, _STREAMS[stage], step if seed_step is None else seed_step])
    spread = max(share for share in range(1, spread + 1) if config.samples_per_step % share == 0)
    tasks = workbench.draw_tasks(config.problems_per_step * spread, rng)
    sampling = Sampling(settings.rl_temperature, settings.rl_top_p, int(rng.integers(2**31)))
    programs = source.generate(tasks, config.samples_per_step // spread, sampling)
    if has_greedy:
        greedy = source.generate(tasks, 1, Sampling(0.0))
        programs = [[*drawn, best[0]] for drawn, best in zip(programs, greedy, strict=True)]
    return _submit(workbench, step, tasks, programs, has_greedy=has_greedy)


def judged_groups(
    agent: CodeT5Agent, workbench: Workbench, stage: str, tasks: list[Task], samples: int, sampling: Sampling
) -> list[Group]:
    """Draw programs for `tasks`, keep them in the sample store under `stage`, and return what the judge says of them.

    Problems with a program that could not be judged are left out.
    """
    programs = agent.generate(tasks, samples, sampling)
    experience = receive(agent, workbench, _submit(workbench, 0, tasks, programs, has_greedy=False))
    workbench.record(stage, 0, experience.episodes)
    return [group for group in experience.groups if group.rows]


def pack(drawing: Drawing) -> dict[str, Any]:
    """Return a drawing as numbers and strings, for a stage's state."""
    return {
        "step": drawing.step,
        "tasks": [task.id for task in drawing.tasks],
        "programs": [
            [(program.text, program.token_ids, program.log_probs) for program in group] for group in drawing.programs
        ],
        "has_greedy": drawing.has_greedy,
    }


def unpack(workbench: Workbench, packed: Mapping[str, Any]) -> Drawing:
    """Return the drawing that `pack` packed, its programs handed to the judge again."""
    tasks = [workbench.task(task_id) for task_id in packed["tasks"]]
    programs = [
        [Program(text, tuple(token_ids), tuple(log_probs)) for text, token_ids, log_probs in group]
        for group in packed["programs"]
    ]
    return _submit(workbench, packed["step"], tasks, programs, has_greedy=packed["has_greedy"])


def pack_groups(groups: Sequence[Group]) -> list[Any]:
    """Return judged programs as numbers and strings, for a stage's state."""
    return [(group.task.id, group.greedy_reward, [_pack_row(row) for row in group.rows]) for group in groups]


def _pack_row(row: Row) -> tuple[Any, ...]:
    example = row.example
    return example.prompt, example.prefix, example.target, row.log_probs, row.count, row.outcome.value, row.reward


def unpack_groups(packed: Sequence[Any]) -> list[Group]:
    """Return the groups that `pack_groups` packed; their tasks know nothing but their ids."""
    return [
        Group(
            Task(task_id, ""),
            tuple(
                Row(Example(tuple(prompt), tuple(prefix), tuple(target)), tuple(probs), count, Outcome(outcome), reward)
                for prompt, prefix, target, probs, count, outcome, reward in rows
            ),
            greedy,
        )
        for task_id, greedy, rows in packed
    ]


def stored_groups(agent: CodeT5Agent, workbench: Workbench, stages: Sequence[str]) -> list[Group]:
    """Return the programs that the run's `stages` drew for train problems, with what the judge said of them.

    A run that goes on makes them again from its sample store, so nothing else needs to be saved.
    """
    samples = (sample for stage in stages for sample in workbench.run.samples.rows(stage))
    return groups_of_samples(agent, samples, workbench.task)


def groups_of_samples(agent: CodeT5Agent, samples: Iterable[Sample], task_of: Callable[[str], Task]) -> list[Group]:
    """Return stored programs as groups: those of one problem that were drawn in the same step.

    Args:
        agent: encodes them.
        samples: rows of a sample store.
        task_of: returns the task of an id.
    """
    found: dict[tuple[str, int, str], dict[str, Row]] = {}
    tasks: dict[str, Task] = {}  # a problem may have to be made again to be asked for
    for sample in samples:
        rows = found.setdefault((sample.stage, sample.step, sample.task_id), {})
        if sample.program in rows:
            rows[sample.program] = replace(rows[sample.program], count=rows[sample.program].count + 1)
            continue
        if sample.task_id not in tasks:
            tasks[sample.task_id] = task_of(sample.task_id)
        example = agent.encode(tasks[sample.task_id], sample.program)
        if example.target:
            rows[sample.program] = Row(example, (), 1, Outcome(sample.outcome), sample.reward)
    return [Group(Task(task_id, ""), tuple(rows.values()), None) for (_, _, task_id), rows in found.items() if rows]


def _submit(
    workbench: Workbench, step: int, tasks: list[Task], programs: list[list[Program]], *, has_greedy: bool
) -> Drawing:
    futures = []
    for task, group in zip(tasks, programs, strict=True):
        submitted = {text: workbench.submit(task, text) for text in {program.text: None for program in group}}
        futures.append([submitted[program.text] for program in group])
    return Drawing(step, tasks, programs, futures, has_greedy)


def receive(agent: CodeT5Agent, workbench: Workbench, drawing: Drawing) -> Experience:
    """Wait for the judge and return what it said of every program."""
    groups, episodes, lost = [], [], 0
    for task, programs, futures in zip(drawing.tasks, drawing.programs, drawing.futures, strict=True):
        try:
            judgements = [workbench.result(future) for future in futures]
        except JudgeError:
            # A return that nobody judged would be made up: the problem is left out.
            lost += 1
            continue
        rewards = [workbench.reward(judgement) for judgement in judgements]
        episodes += [
            Episode(task.id, program.token_ids, program.log_probs, program.text, judgement, reward)
            for program, judgement, reward in zip(programs, judgements, rewards, strict=True)
        ]
        outcomes = [judgement.outcome for judgement in judgements]
        groups.append(_group(agent, task, programs, outcomes, rewards, drawing.has_greedy))
    return Experience(drawing.step, groups, episodes, lost)


def _group(
    agent: CodeT5Agent,
    task: Task,
    programs: Sequence[Program],
    outcomes: Sequence[Outcome],
    rewards: Sequence[float],
    has_greedy: bool,
) -> Group:
    drawn = len(programs) - has_greedy
    request = agent.request(task)
    places: dict[tuple[int, ...], list[int]] = {}
    for place in range(drawn):
        places.setdefault(programs[place].token_ids, []).append(place)
    rows = tuple(
        Row(
            Example(request.prompt, request.prefix, token_ids),
            programs[found[0]].log_probs,
            len(found),
            outcomes[found[0]],
            rewards[found[0]],
        )
        for token_ids, found in places.items()
        # Starter code that fills the window leaves nothing to learn.
        if token_ids
    )
    return Group(task, rows, rewards[-1] if has_greedy else None)
