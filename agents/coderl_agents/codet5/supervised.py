"""The supervised stages: the warm start, and the control that goes on with cross-entropy while others do RL.

Warm start: cross-entropy on all demonstrations, each seen at least once, until the pass rate on validation problems
stops rising (patience) or the budget ends. The learning rate falls to 0 over the last part of the stage, however that
end comes about; the weights of the best validation are kept. Control: the same loss, data, optimiser and schedule from
the warm start's weights, for as long as critic and reinforcement learning took.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from coderl_agents.codet5.batches import Batch, Example, collate, encode_example, epoch_batches
from coderl_agents.codet5.losses import IGNORED, cross_entropy
from coderl_agents.codet5.network import Network, compute_dtype_of
from coderl_agents.codet5.optimizers import Optimizers, clipped_norm, make_optimizers
from coderl_agents.codet5.stages import UNSOUND, Stage, stage_rate
from coderl_env.agent import Sampling, Task
from coderl_env.experiment.workbench import Lesson, StageClock, Workbench
from coderl_env.judge import JudgeError

if TYPE_CHECKING:
    from coderl_agents.codet5.agent import CodeT5Agent

__all__ = [
    "Corpus",
    "compute_dtype",
    "continue_supervised",
    "corpus_of",
    "supervised_step",
    "to_batch",
    "training_network",
    "warm_start",
]

_HELD_OUT = 300  # demonstrations whose loss is watched, at most a twentieth of all


class Corpus:
    """The demonstrations, encoded, and the order in which they are gone through.

    Attributes:
        train: what is trained on.
        held_out: what only the loss is computed of.
    """

    def __init__(self, agent: CodeT5Agent, workbench: Workbench) -> None:
        spec = agent.spec
        lessons = workbench.lessons()
        if not lessons:
            raise ValueError(
                f"{workbench.config.dataset}/{workbench.config.split} has no reference solutions to learn from; "
                "leave the stages warm_start, critic and ce_continued out and set ce_weight to 0"
            )
        examples = [
            encode_example(
                lesson.task, lesson.program, agent.tokenizer, spec.max_prompt_tokens, spec.max_program_tokens
            )
            for lesson in lessons
        ]
        held = min(_HELD_OUT, len(examples) // 20)
        self.held_out = examples[:held]
        self.train = examples[held:]
        self._lessons = lessons[held:]
        self._lengths = [len(example.prompt) for example in self.train]
        self._seed = workbench.config.seed
        self._order: tuple[tuple[int, int, int], list[list[int]]] | None = None

    def examples(self, step: int, size: int, stream: int) -> list[Example]:
        """Return the examples of a step, the same for the same step, size and stream."""
        return [self.train[index] for index in self._places(step, size, stream)]

    def lessons(self, step: int, size: int, stream: int) -> list[tuple[Example, Lesson]]:
        """Return the examples of a step with the demonstrations they were made from."""
        return [(self.train[index], self._lessons[index]) for index in self._places(step, size, stream)]

    def _places(self, step: int, size: int, stream: int) -> list[int]:
        epoch, place = divmod(step, -(-len(self.train) // size))
        key = (epoch, size, stream)
        if self._order is None or self._order[0] != key:
            batches = list(epoch_batches(self._lengths, size, [self._seed, stream, epoch]))
            self._order = (key, batches)
        return self._order[1][place]


def corpus_of(agent: CodeT5Agent, workbench: Workbench) -> Corpus:
    """Return the corpus of the run, made when it is first asked for."""
    if agent.corpus is None:
        agent.corpus = Corpus(agent, workbench)
    return agent.corpus


def training_network(agent: CodeT5Agent) -> Network:
    """Return the forward pass of the agent's model for training, in the data type of the settings."""
    return type(agent.network)(agent.model, compute_dtype(agent))


def compute_dtype(agent: CodeT5Agent) -> torch.dtype:
    """Return the data type of training's matrix products that the settings ask for."""
    return compute_dtype_of(agent.settings.precision, agent.network.device)


def supervised_step(agent: CodeT5Agent, network: Network, examples: Sequence[Example], weight: float = 1.0) -> float:
    """Add the gradients of `weight` times the mean cross-entropy of `examples`, and return that mean."""
    tokens = sum(len(example.target) for example in examples)
    total = 0.0
    for part in _passes(agent, examples):
        batch = to_batch(agent, [[example] for example in part])
        states = network.decode(network.encode(batch.ids, batch.prompt_mask), batch.inputs)
        places = batch.labels != IGNORED
        share = sum(len(example.target) for example in part) / max(tokens, 1)
        # Logits are wide, so they are computed where there are tokens only.
        loss = cross_entropy(network.logits(states[places]), batch.labels[places]) * share
        (weight * loss).backward()
        total += float(loss.detach())
    return total


def to_batch(agent: CodeT5Agent, groups: Sequence[Sequence[Example]]) -> Batch:
    """Return the batch of `groups` on the agent's device."""
    return collate(groups, agent.tokenizer.pad_id, agent.network.start_id, agent.network.device)


def warm_start(agent: CodeT5Agent, workbench: Workbench) -> None:
    """Run the warm start, or do nothing where the run has finished it; leaves checkpoint `warm_start`."""
    if workbench.finished("warm_start") is not None:
        return
    config = workbench.config
    clock = workbench.clock("warm_start", config.warm_start_seconds, config.warm_start_steps)
    trainer = _Supervised(agent, workbench, clock, stream=0)
    validator = _Validator(agent, workbench, trainer)
    stage = Stage(workbench, clock, validator.capture, validator.restore)
    stage.run(validator.step, lambda: validator.over)
    validator.keep_best()
    agent.save(workbench.run.checkpoints / "warm_start")
    stage.finish(
        {
            "demonstrations": len(trainer.corpus.train),
            "epochs": clock.step * agent.settings.batch_size / len(trainer.corpus.train),
            "validation": validator.best,
            "stopped_by": "patience" if validator.ends_at < 1 else "budget",
        }
    )


def continue_supervised(agent: CodeT5Agent, workbench: Workbench) -> None:
    """Run the control, or do nothing where the run has finished it; leaves checkpoint `ce_continued`."""
    if workbench.finished("ce_continued") is not None:
        return
    config = workbench.config
    spent = [workbench.run.stage_state(name) for name in ("critic", "rl")]
    seconds = sum(state["seconds"] for state in spent if state is not None) or config.rl_seconds
    steps = None if config.rl_seconds is not None else config.rl_steps
    clock = workbench.clock("ce_continued", None if steps is not None else seconds, steps)
    trainer = _Supervised(agent, workbench, clock, stream=1)
    stage = Stage(workbench, clock, trainer.capture, trainer.restore)
    stage.run(trainer.step)
    agent.save(workbench.run.checkpoints / "ce_continued")
    stage.finish({"epochs": clock.step * agent.settings.batch_size / len(trainer.corpus.train)})


class _Supervised:
    """Cross-entropy training: model, optimiser and place in the corpus."""

    def __init__(self, agent: CodeT5Agent, workbench: Workbench, clock: StageClock, stream: int) -> None:
        settings = agent.settings
        self.agent = agent
        self.clock = clock
        self.corpus = corpus_of(agent, workbench)
        self.network = training_network(agent)
        self.optimizers: Optimizers = make_optimizers(
            agent.model,
            settings.optimizer,
            learning_rate=settings.learning_rate,
            matrix_rate=settings.matrix_rate,
            weight_decay=settings.weight_decay,
        )
        self._stream = stream

    def step(self, ends_at: float = 1.0) -> dict[str, float]:
        """Take one optimisation step; the learning rate falls to 0 where the budget's share `ends_at` is used."""
        agent, settings = self.agent, self.agent.settings
        agent.model.train()
        examples = self.corpus.examples(self.clock.step, settings.batch_size, self._stream)
        loss = supervised_step(agent, self.network, examples)
        norm = clipped_norm(agent.model, settings.clip_norm)
        if norm is None:
            self.optimizers.discard()
            return {"loss": loss, UNSOUND: 1.0}
        fraction = self.clock.fraction / ends_at
        self.optimizers.step(
            stage_rate(self.clock.step, fraction, warmup=settings.warmup_steps, cooldown=settings.cooldown)
        )
        return {"loss": loss, "gradient_norm": norm}

    @torch.inference_mode()
    def held_out_loss(self) -> float:
        """Return the mean cross-entropy of the demonstrations that are not trained on."""
        agent = self.agent
        agent.model.eval()
        examples = self.corpus.held_out
        tokens = sum(len(example.target) for example in examples)
        total = 0.0
        for part in _passes(agent, examples):
            batch = to_batch(agent, [[example] for example in part])
            states = agent.network.decode(agent.network.encode(batch.ids, batch.prompt_mask), batch.inputs)
            share = sum(len(example.target) for example in part)
            total += share * float(cross_entropy(agent.network.logits(states), batch.labels))
        return total / max(tokens, 1)

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {
            "model": self.agent.model.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.agent.model.load_state_dict(state["model"])
        self.optimizers.load_state_dict(state["optimizers"])
        torch.set_rng_state(state["random"])


class _Validator:
    """Takes the warm start's steps, validates now and then, and decides when it is over.

    Attributes:
        best: best pass rate on the validation problems so far.
        ends_at: share of the budget at which the stage ends; below 1 once patience is used up.
    """

    def __init__(self, agent: CodeT5Agent, workbench: Workbench, trainer: _Supervised) -> None:
        self.agent = agent
        self.workbench = workbench
        self.trainer = trainer
        self.tasks: list[Task] = workbench.validation_tasks(workbench.config.validation_problems)
        self.best = -1.0
        self.ends_at = 1.0
        self._best_weights: dict[str, Any] = {}
        self._worse = 0
        self._validated_at = 0.0

    @property
    def over(self) -> bool:
        """Whether the learning rate has come down to 0."""
        return self.trainer.clock.fraction >= self.ends_at

    def step(self) -> dict[str, float]:
        """Take one step, and validate if it is time."""
        clock, settings = self.trainer.clock, self.agent.settings
        figures = self.trainer.step(self.ends_at)
        limit = clock.seconds_limit
        # Where only steps count, a validation every tenth of them.
        interval = min(1.0, settings.validate_seconds / limit) if limit else 0.1
        if clock.fraction - self._validated_at >= interval:
            self._validated_at = clock.fraction
            figures |= self.validate()
            cooling = clock.fraction > self.ends_at - settings.cooldown * self.ends_at
            seen_all = clock.step * settings.batch_size >= len(self.trainer.corpus.train)
            if self._worse >= settings.patience and seen_all and not cooling:
                # The rate falls over the same share of the shorter stage.
                self.ends_at = min(1.0, clock.fraction / (1 - settings.cooldown))
        return figures

    def validate(self) -> dict[str, float]:
        """Return pass rate and held-out loss, and keep the weights if the pass rate is the best so far."""
        if not self.tasks:
            return {"validation_loss": self.trainer.held_out_loss()}
        rate = pass_rate(self.agent, self.workbench, self.tasks)
        if rate is None:
            # The judge's fault says nothing about the weights.
            return {"validation_loss": self.trainer.held_out_loss()}
        if rate >= self.best:
            self._best_weights = {name: value.clone() for name, value in self.agent.model.state_dict().items()}
        self._worse = 0 if rate > self.best else self._worse + 1
        self.best = max(self.best, rate)
        return {"pass_rate": rate, "validation_loss": self.trainer.held_out_loss()}

    def keep_best(self) -> None:
        """Put the best weights into the model; the last ones if they are as good."""
        figures = self.validate()
        self.workbench.run.log("warm_start", self.trainer.clock.step + 1, figures)
        if self._best_weights:
            self.agent.model.load_state_dict(self._best_weights)

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {
            **self.trainer.capture(),
            "best": self.best,
            "best_weights": self._best_weights,
            "ends_at": self.ends_at,
            "worse": self._worse,
            "validated_at": self._validated_at,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.trainer.restore(state)
        self.best, self.ends_at = state["best"], state["ends_at"]
        self._best_weights = dict(state["best_weights"])
        self._worse, self._validated_at = state["worse"], state["validated_at"]


def pass_rate(agent: CodeT5Agent, workbench: Workbench, tasks: Sequence[Task]) -> float | None:
    """Return the share of `tasks` whose greedy program passes the hidden tests, or None where none could be judged."""
    programs = agent.generate(list(tasks), 1, Sampling(0.0))
    futures = [workbench.submit(task, group[0].text) for task, group in zip(tasks, programs, strict=True)]
    passed = []
    for future in futures:
        with contextlib.suppress(JudgeError):
            passed.append(workbench.result(future).passed)
    return sum(passed) / len(passed) if passed else None


def _passes(agent: CodeT5Agent, examples: Sequence[Example]) -> list[Sequence[Example]]:
    """Return `examples` in pieces whose logits fit into memory."""
    width = max((len(example.prefix) + len(example.target) for example in examples), default=1)
    size = max(1, agent.settings.pass_numbers // (max(width, 1) * agent.model.config.vocab_size))
    return [examples[first : first + size] for first in range(0, len(examples), size)]
