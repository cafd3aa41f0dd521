"""Training the critic: a step at a time, and the critic's stage, in which it learns the warm-started actor's outcomes.

What made it predict, in the order of what it brought (`benchmarks/LOG.md`): many steps on small batches of many
problems instead of one step on each large batch of few, and a rate that moves it: it begins as a copy of the actor,
whose states say little of outcomes. Programs drawn so far stay in a pool that all steps learn from.

Demonstrations take part with the outcome that the judge gave them. The paper adds all ground truths as PASSED; where
the corpus holds wrong programs, that would teach the critic falsehoods.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coderl_agents.codet5.actor import Actor
from coderl_agents.codet5.batches import collate
from coderl_agents.codet5.critic import Critic, CriticForm
from coderl_agents.codet5.experience import (
    Drawing,
    Group,
    Row,
    draw_programs,
    pack,
    pack_groups,
    receive,
    unpack,
    unpack_groups,
)
from coderl_agents.codet5.losses import IGNORED, outcome_loss, token_outcome_loss, token_values
from coderl_agents.codet5.model import save_state
from coderl_agents.codet5.optimizers import clipped_norm, make_optimizers
from coderl_agents.codet5.stages import UNSOUND, Stage, stage_rate
from coderl_agents.codet5.supervised import Corpus, compute_dtype, corpus_of
from coderl_env.experiment.workbench import StageClock, Workbench
from coderl_env.judge import JudgeError
from coderl_env.outcome import Outcome

if TYPE_CHECKING:
    from coderl_agents.codet5.agent import CodeT5Agent

__all__ = ["RL_CRITIC_FILE", "CriticTrainer", "Prediction", "minibatches", "pieces", "train_critic"]

_CHECKPOINT = "critic.pt"
RL_CRITIC_FILE = "rl_critic.pt"  # the same after reinforcement learning
_SKIPPED = "critic_unsound"  # 1 for a step whose gradient was not finite
_LESSON_STREAM = 2  # keeps its order of the corpus apart from that of other stages
_POOL_STREAM = 21
_POOL_GROUPS = 4096
_WARMUP_STEPS = 10
_COOLDOWN = 0.5
_REFRESH_FACTOR = 0.25  # of the rate, during reinforcement learning
_EVALUATED_GROUPS = 32  # in one forward pass


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a critic says of one program.

    Attributes:
        probabilities: of each label; the last is PASSED.
        passed: probability of PASSED at each token of the program.
    """

    probabilities: tuple[float, ...]
    passed: tuple[float, ...]


class CriticTrainer:
    """A critic with its optimiser: learns from judged programs and gives the values of their tokens.

    Args:
        agent: the actor; the critic begins as a copy of it unless the settings name a model.
        form: what kind of critic; None is what the settings say.
    """

    def __init__(self, agent: Actor, form: CriticForm | None = None) -> None:
        settings = agent.settings
        network = agent.helper_network(compute_dtype(agent), settings.critic_model)
        self._agent = agent
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(agent.spec.seed)
            self.critic = Critic(
                network,
                form or settings.critic_form,
                window=agent.spec.max_program_tokens,
                pad_id=agent.tokenizer.pad_id,
            ).to(network.device)
        self.optimizers = make_optimizers(
            self.critic,
            settings.optimizer,
            learning_rate=settings.critic_rate,
            matrix_rate=settings.critic_matrix_rate,
            weight_decay=settings.weight_decay,
        )

    def learn(
        self, groups: Sequence[Group], factor: float = _REFRESH_FACTOR
    ) -> tuple[list[tuple[float, ...]], dict[str, float]]:
        """Take a step on judged programs.

        Args:
            groups: programs by problem.
            factor: of the learning rate.

        Returns:
            The value of every token before the step, for each program in order; and figures worth logging, of before
            the step as well: for programs never seen before they are what the critic is worth.
        """
        self.critic.train()
        settings = self._agent.settings
        total = max(1, sum(row.count for group in groups for row in group.rows))
        values: list[tuple[float, ...]] = []
        right = loss_sum = 0.0
        label_counts = torch.zeros(self.critic.classes)
        for part in pieces(self._agent, groups):
            class_logits, token_logits, labels, counts, mask = self._forward(part)
            loss = (outcome_loss(class_logits, labels) * counts).sum() / total
            loss_sum += float(loss.detach())
            if settings.critic_token_weight > 0:
                by_token = token_outcome_loss(token_logits, labels, mask)
                loss = loss + settings.critic_token_weight * (by_token * counts).sum() / total
            loss.backward()
            right += float(((class_logits.argmax(-1) == labels) * counts).sum())
            label_counts += torch.bincount(labels, weights=counts, minlength=self.critic.classes).cpu()
            values += _by_row(token_values(token_logits, labels), mask)
        norm = clipped_norm(self.critic, settings.clip_norm)
        figures = {
            "critic_loss": loss_sum,
            "critic_accuracy": right / total,
            "critic_majority": float(label_counts.max()) / total,
        }
        if norm is None:
            self.optimizers.discard()
            figures[_SKIPPED] = 1.0
        else:
            self.optimizers.step(factor)
        return values, figures

    @torch.inference_mode()
    def values(self, groups: Sequence[Group]) -> list[tuple[float, ...]]:
        """Return the value of every token, for each program in order, without learning."""
        self.critic.eval()
        values: list[tuple[float, ...]] = []
        for part in pieces(self._agent, groups):
            _, token_logits, labels, _, mask = self._forward(part)
            values += _by_row(token_values(token_logits, labels), mask)
        return values

    @torch.inference_mode()
    def predictions(self, groups: Sequence[Group]) -> list[Prediction]:
        """Return what the critic says of each program in order; the outcomes that the groups carry are not read."""
        self.critic.eval()
        found: list[Prediction] = []
        for first in range(0, len(groups), _EVALUATED_GROUPS):
            for part in pieces(self._agent, groups[first : first + _EVALUATED_GROUPS]):
                class_logits, token_logits, _, _, mask = self._forward(part)
                passed = token_logits.softmax(-1)[..., -1]
                found += [
                    Prediction(tuple(probabilities), tokens)
                    for probabilities, tokens in zip(
                        class_logits.softmax(-1).tolist(), _by_row(passed, mask), strict=True
                    )
                ]
        return found

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {"critic": self.critic.state_dict(), "critic_optimizers": self.optimizers.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.critic.load_state_dict(state["critic"])
        self.optimizers.load_state_dict(state["critic_optimizers"])

    def _forward(self, groups: Sequence[Group]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return class logits, token logits, labels and counts of all rows, without those that fill the grid up."""
        network = self.critic.network
        examples = [[row.example for row in group.rows] for group in groups]
        batch = collate(examples, self._agent.tokenizer.pad_id, network.start_id, network.device)
        memory = network.encode(batch.ids, batch.prompt_mask)
        mask = batch.labels != IGNORED
        sizes = torch.tensor([len(group.rows) for group in groups], device=mask.device)
        # Of every prompt's row of the grid, what only fills it up is dropped.
        real = (torch.arange(mask.shape[1], device=mask.device) < sizes[:, None]).flatten()
        # A program without tokens of its own, behind starter code that fills the window, reads its first place.
        readable = mask.clone()
        readable[..., 0] |= ~mask.any(-1)
        class_logits, token_logits = self.critic(memory, batch.inputs, batch.labels, readable)
        rows = [row for group in groups for row in group.rows]
        device = class_logits.device
        labels = self.critic.labels(torch.tensor([row.outcome.index for row in rows], device=device))
        counts = torch.tensor([float(row.count) for row in rows], device=device)
        return class_logits[real], token_logits[real], labels, counts, mask.flatten(0, 1)[real]


def train_critic(agent: CodeT5Agent, workbench: Workbench) -> CriticTrainer:
    """Run the critic's stage, or load its result where the run has finished it; the actor is left as it is."""
    trainer = CriticTrainer(agent)
    path = workbench.run.checkpoints / _CHECKPOINT
    if workbench.finished("critic") is not None:
        trainer.restore(torch.load(path, weights_only=True))
        return trainer
    config = workbench.config
    clock = workbench.clock("critic", config.critic_seconds, config.critic_steps)
    lesson = _Pool(agent, workbench, clock, trainer)
    stage = Stage(workbench, clock, lesson.capture, lesson.restore)
    stage.run(lesson.step)
    save_state(trainer.capture(), path)
    stage.finish({"programs": lesson.programs})
    return trainer


class _Pool:
    """The programs that the critic learns from: those in flight, and those judged so far."""

    def __init__(self, agent: CodeT5Agent, workbench: Workbench, clock: StageClock, trainer: CriticTrainer) -> None:
        self.agent = agent
        self.workbench = workbench
        self.clock = clock
        self.trainer = trainer
        self.corpus: Corpus | None = corpus_of(agent, workbench) if agent.settings.critic_lessons > 0 else None
        self.programs = 0
        self._ahead: list[Drawing] = []
        self._groups: list[Group] = []

    def step(self) -> dict[str, float]:
        """Draw programs, take in those drawn before, and learn from the pool."""
        settings = self.agent.settings
        if not self._ahead:
            self._ahead.append(self._draw(self.clock.step))
        lessons = self._submit_lessons()
        # Drawn while the earlier batch is judged.
        self._ahead.append(self._draw(self.clock.step + 1))
        experience = receive(self.agent, self.workbench, self._ahead.pop(0))
        self.workbench.record("critic", experience.step, experience.episodes)
        self.programs += len(experience.episodes)
        groups = [group for group in experience.groups if group.rows]
        for group, future in lessons:
            with contextlib.suppress(JudgeError):
                judgement = self.workbench.result(future)
                row = replace(group.rows[0], outcome=judgement.outcome, reward=self.workbench.reward(judgement))
                groups.append(replace(group, rows=(row,)))
        self._groups = [*self._groups, *groups][-_POOL_GROUPS:]
        figures = experience.figures()
        if experience.lost:
            figures["lost"] = float(experience.lost)
        if not self._groups:
            return figures
        seed = [self.workbench.config.seed, _POOL_STREAM, self.clock.step]
        learned: list[dict[str, float]] = []
        for number, chosen in enumerate(
            minibatches(self._groups, settings.critic_batch, settings.critic_updates, seed)
        ):
            taken = self.clock.step * settings.critic_updates + number
            factor = stage_rate(taken, self.clock.fraction, warmup=_WARMUP_STEPS, cooldown=_COOLDOWN)
            learned.append(self.trainer.learn(chosen, factor)[1])
        names = dict.fromkeys(name for one in learned for name in one)
        figures |= {name: float(np.mean([one.get(name, 0.0) for one in learned])) for name in names}
        return figures | {UNSOUND: figures.get(_SKIPPED, 0.0)}

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {
            **self.trainer.capture(),
            "ahead": [pack(drawing) for drawing in self._ahead],
            "groups": pack_groups(self._groups),
            "programs": self.programs,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.trainer.restore(state)
        self.programs = state["programs"]
        self._groups = unpack_groups(state["groups"])
        self._ahead = [unpack(self.workbench, packed) for packed in state["ahead"]]
        torch.set_rng_state(state["random"])

    def _draw(self, step: int) -> Drawing:
        spread = self.agent.settings.critic_spread
        return draw_programs(self.agent, self.workbench, "critic", step, has_greedy=False, spread=spread)

    def _submit_lessons(self) -> list[tuple[Group, Any]]:
        """Return the step's demonstrations, whose outcome is not known yet, with the futures of their judgements."""
        if self.corpus is None:
            return []
        lessons = self.corpus.lessons(self.clock.step, self.agent.settings.critic_lessons, _LESSON_STREAM)
        return [
            (
                Group(lesson.task, (Row(example, (), 1, Outcome.COMPILE_ERROR, 0.0),), None),
                self.workbench.submit(lesson.task, lesson.program),
            )
            for example, lesson in lessons
        ]


def minibatches(
    groups: Sequence[Group], size: int, count: int, seed: Sequence[int], *, among: int = 0
) -> Iterator[list[Group]]:
    """Yield `count` random batches of `size` groups; those of a batch have about as many programs each.

    Args:
        groups: what to draw from; small pools are drawn from again.
        size: groups of a batch.
        count: number of batches.
        seed: equal seeds give equal batches.
        among: draw so many batches, of which `count` are used; the more, the more alike a batch's groups are.
    """
    rng = np.random.default_rng(list(seed))
    batches = max(count, among)
    places: list[int] = []
    while len(places) < size * batches:
        places += rng.permutation(len(groups)).tolist()[: size * batches - len(places)]
    # The grid of a forward pass is as wide as its widest group.
    places.sort(key=lambda place: len(groups[place].rows))
    for number in rng.permutation(batches).tolist()[:count]:
        yield [groups[place] for place in places[number * size : (number + 1) * size]]


def pieces(agent: Actor, groups: Sequence[Group]) -> list[list[Group]]:
    """Return `groups`, in order and split where needed, in pieces whose logits fit into memory."""
    longest = max((len(row.example.prefix) + len(row.example.target) for g in groups for row in g.rows), default=1)
    most = max(1, agent.settings.pass_numbers // max(longest * agent.model.config.vocab_size, 1))
    found: list[list[Group]] = []
    for group in groups:
        for first in range(0, len(group.rows), most):
            part = replace(group, rows=group.rows[first : first + most])
            # The grid is as wide as its widest group.
            widest = max(len(part.rows), *(len(other.rows) for other in found[-1])) if found else 0
            if found and widest * (len(found[-1]) + 1) <= most:
                found[-1].append(part)
            else:
                found.append([part])
    return found


def _by_row(values: Tensor, mask: Tensor) -> list[tuple[float, ...]]:
    """Return the values (programs, tokens) at the places of each program's own tokens."""
    return [tuple(row[places].tolist()) for row, places in zip(values, mask, strict=True)]
