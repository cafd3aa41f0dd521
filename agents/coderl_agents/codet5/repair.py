"""The repair model: writes a failed program anew, knowing the program, its outcome and its error (section 3.3.4).

A copy of the actor that goes on with cross-entropy on pairs (equation 13): a failed program of the actor's own, and a
program for the same problem that the judge passed. The pairs come from two places: what reinforcement learning drew
for problems that it sometimes solved, and fresh draws for the problems of the demonstrations, with those demonstrations
that pass as the target.

Deviations from the paper, which takes the ground truth of the training problems as the target:

1. Reinforcement learning's problems lend no solutions here, so a passing program of the actor's own serves.
2. Feedback in training is the outcome on the hidden tests of a train problem; at inference it is the one on the
   examples of the statement, as nothing else may be known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from coderl_agents.codet5.actor import Actor
from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.model import save_state
from coderl_agents.codet5.optimizers import clipped_norm, make_optimizers
from coderl_agents.codet5.stages import UNSOUND, Stage, stage_rate
from coderl_agents.codet5.supervised import compute_dtype, corpus_of, supervised_step
from coderl_agents.codet5.writer import Writer
from coderl_env.agent import Episode, Program, Sampling, Task
from coderl_env.experiment.workbench import Lesson, StageClock, Workbench
from coderl_env.judge import JudgeError
from coderl_env.outcome import Judgement, Outcome, Verdict

__all__ = ["Pair", "RepairTrainer", "feedback_of", "own_pairs", "train_repair"]

_STREAM = 31
_LESSON_STREAM = 4
_WARMUP_STEPS = 10
_COOLDOWN = 0.5
_LESSONS, _SAMPLES = 16, 4  # demonstrations of a step, and programs for the problem of each


@dataclass(frozen=True, slots=True)
class Pair:
    """What the repair model learns from.

    Attributes:
        task_id: a train problem.
        failed: a program that fails.
        feedback: `feedback_of` its judgement.
        passed: a program for the same problem that passes.
    """

    task_id: str
    failed: str
    feedback: str
    passed: str


def feedback_of(judgement: Judgement) -> str:
    """Return outcome and error subtype of a failed program, as the repair model reads them.

    The subtype is the name of the exception, or what became of the first test that was not accepted.
    """
    if judgement.outcome is Outcome.COMPILE_ERROR:
        return f"{judgement.outcome.value} {judgement.compile_error.partition(':')[0]}".rstrip()
    first = next((case for case in judgement.cases if case.verdict is not Verdict.ACCEPTED), None)
    subtype = "" if first is None else first.error_type or first.verdict.value
    return f"{judgement.outcome.value} {subtype}".rstrip()


def own_pairs(workbench: Workbench, stages: Sequence[str]) -> list[Pair]:
    """Return pairs of the programs that the run's `stages` drew: each distinct failed one with the commonest passed."""
    passed: dict[str, Counter[str]] = {}
    failed: dict[tuple[str, str], str] = {}
    for stage in stages:
        for sample in workbench.run.samples.rows(stage):
            if sample.outcome == Outcome.PASSED.value:
                passed.setdefault(sample.task_id, Counter())[sample.program] += 1
            elif sample.judgement is not None:
                failed.setdefault((sample.task_id, sample.program), feedback_of(Judgement.from_dict(sample.judgement)))
    return [
        Pair(task_id, program, feedback, passed[task_id].most_common(1)[0][0])
        for (task_id, program), feedback in failed.items()
        if task_id in passed
    ]


class RepairTrainer:
    """A repair model with its optimiser. It begins as a copy of the agent's actor."""

    def __init__(self, agent: Actor) -> None:
        settings = agent.settings
        self._agent = agent
        self.network = agent.helper_network(compute_dtype(agent))
        self.model = self.network.model
        self.optimizers = make_optimizers(
            self.model,
            settings.optimizer,
            learning_rate=settings.learning_rate,
            matrix_rate=settings.matrix_rate,
            weight_decay=settings.weight_decay,
        )

    @property
    def writer(self) -> Writer:
        """What draws repaired programs."""
        agent = self._agent
        network = type(self.network)(self.model, agent.network.compute_dtype)
        return Writer(agent.spec, network, self.model.config.vocab_size, agent.settings.max_rows)

    def example(self, task: Task, pair: Pair) -> Example:
        """Return the prompt of a repair with the passing program as its target."""
        agent = self._agent
        request = agent.writer.repair_request(task, pair.failed, pair.feedback)
        plain = agent.encode(task, pair.passed)
        return Example(request.prompt, plain.prefix, plain.target)

    def learn(self, examples: Sequence[Example], factor: float) -> dict[str, float]:
        """Take a step of cross-entropy."""
        self.model.train()
        loss = supervised_step(self._agent, self.network, examples)
        norm = clipped_norm(self.model, self._agent.settings.clip_norm)
        if norm is None:
            self.optimizers.discard()
            return {"loss": loss, UNSOUND: 1.0}
        self.optimizers.step(factor)
        return {"loss": loss, "gradient_norm": norm}


def train_repair(agent: Actor, workbench: Workbench, stages: Sequence[str], target: Path) -> None:
    """Train a repair model on the failures of `stages` and on fresh ones, and write it to `target`."""
    config = workbench.config
    clock = workbench.clock("repair", config.critic_sampling_seconds, config.critic_sampling_steps)
    lesson = _Lesson(agent, workbench, clock, own_pairs(workbench, stages))
    stage = Stage(workbench, clock, lesson.capture, lesson.restore)
    stage.run(lesson.step, lambda: lesson.is_empty)
    save_state({"model": lesson.trainer.model.state_dict()}, target)
    stage.finish({"pairs": lesson.pairs, "programs": lesson.programs})


class _Lesson:
    """The stage's loop: draws for the demonstrations' problems, learns meanwhile from the pairs known so far."""

    def __init__(self, agent: Actor, workbench: Workbench, clock: StageClock, own: Sequence[Pair]) -> None:
        self.agent = agent
        self.workbench = workbench
        self.clock = clock
        self.trainer = RepairTrainer(agent)
        # Not every data set has demonstrations; the actor's own pairs do without.
        has_lessons = agent.corpus is not None or bool(workbench.lessons())
        self.corpus = corpus_of(agent, workbench) if has_lessons else None
        self.programs = 0
        self._pairs = list(own)
        self._examples: dict[Pair, Example] = {}

    @property
    def pairs(self) -> int:
        """Pairs known so far."""
        return len(self._pairs)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to learn from, and never will be."""
        return not self._pairs and self.corpus is None

    def step(self) -> dict[str, float]:
        """Draw programs, learn while they are judged, and take the failures among them in."""
        drawn = self._draw()
        figures: dict[str, float] = {"pairs": float(len(self._pairs))}
        settings = self.agent.settings
        rng = np.random.default_rng([self.workbench.config.seed, _STREAM, self.clock.step])
        for number in range(settings.repair_updates if self._pairs else 0):
            chosen = rng.integers(len(self._pairs), size=settings.batch_size).tolist()
            examples = [self._example(self._pairs[place]) for place in chosen]
            taken = self.clock.step * settings.repair_updates + number
            factor = stage_rate(taken, self.clock.fraction, warmup=_WARMUP_STEPS, cooldown=_COOLDOWN)
            figures |= self.trainer.learn(examples, factor)
        self._take_in(drawn)
        return figures

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {
            "model": self.trainer.model.state_dict(),
            "optimizers": self.trainer.optimizers.state_dict(),
            "pairs": [(pair.task_id, pair.failed, pair.feedback, pair.passed) for pair in self._pairs],
            "programs": self.programs,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.trainer.model.load_state_dict(state["model"])
        self.trainer.optimizers.load_state_dict(state["optimizers"])
        self._pairs = [Pair(*values) for values in state["pairs"]]
        self.programs = state["programs"]
        torch.set_rng_state(state["random"])

    def _example(self, pair: Pair) -> Example:
        if pair not in self._examples:
            self._examples[pair] = self.trainer.example(self.workbench.task(pair.task_id), pair)
        return self._examples[pair]

    def _draw(self) -> list[tuple[Lesson, Future[Judgement], list[tuple[Program, Future[Judgement]]]]]:
        """Return demonstrations and programs for their problems, all of them with the judge."""
        agent, workbench = self.agent, self.workbench
        if self.corpus is None:
            return []
        lessons = [one for _, one in self.corpus.lessons(self.clock.step, _LESSONS, _LESSON_STREAM)]
        rng = np.random.default_rng([workbench.config.seed, _STREAM + 1, self.clock.step])
        sampling = Sampling(agent.settings.rl_temperature, agent.settings.rl_top_p, int(rng.integers(2**31)))
        programs = agent.generate([lesson.task for lesson in lessons], _SAMPLES, sampling)
        return [
            (
                lesson,
                workbench.submit(lesson.task, lesson.program),
                [(program, workbench.submit(lesson.task, program.text)) for program in group],
            )
            for lesson, group in zip(lessons, programs, strict=True)
        ]

    def _take_in(
        self, drawn: Sequence[tuple[Lesson, Future[Judgement], list[tuple[Program, Future[Judgement]]]]]
    ) -> None:
        workbench = self.workbench
        known = {(pair.task_id, pair.failed) for pair in self._pairs}
        episodes = []
        for lesson, future, group in drawn:
            try:
                judged = [(program, workbench.result(waiting)) for program, waiting in group]
                is_right = workbench.result(future).passed
            except JudgeError:
                # What nobody judged teaches nothing.
                continue
            for program, judgement in judged:
                reward = workbench.reward(judgement)
                episodes.append(
                    Episode(lesson.task.id, program.token_ids, program.log_probs, program.text, judgement, reward)
                )
                key = (lesson.task.id, program.text)
                if is_right and not judgement.passed and key not in known:
                    known.add(key)
                    self._pairs.append(Pair(lesson.task.id, program.text, feedback_of(judgement), lesson.program))
        self.programs += len(episodes)
        workbench.record("repair", self.clock.step, episodes)
