"""The critic's stage: programs are sampled from the warm-started actor, judged, and the critic learns their outcomes.

Demonstrations take part with the outcome that the judge gave them. The paper adds all ground truths as PASSED; where
the corpus holds wrong programs, that would teach the critic falsehoods.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from coderl_agents.codet5.critic import Critic
from coderl_agents.codet5.experience import Drawing, Group, Row, draw_programs, pack, receive, unpack
from coderl_agents.codet5.losses import IGNORED, outcome_loss, token_values
from coderl_agents.codet5.model import build_model, save_state
from coderl_agents.codet5.network import best_compute_dtype
from coderl_agents.codet5.optimizers import make_optimizers
from coderl_agents.codet5.stages import Stage
from coderl_agents.codet5.supervised import corpus_of, to_batch
from coderl_env.experiment.workbench import Workbench
from coderl_env.judge import JudgeError
from coderl_env.outcome import Outcome

if TYPE_CHECKING:
    from coderl_agents.codet5.agent import CodeT5Agent

__all__ = ["CriticTrainer", "pieces", "train_critic"]

_CHECKPOINT = "critic.pt"
_LESSON_STREAM = 2  # keeps its order of the corpus apart from that of other stages


class CriticTrainer:
    """A critic with its optimiser: learns from judged programs and gives the values of their tokens."""

    def __init__(self, agent: CodeT5Agent) -> None:
        settings = agent.settings
        device = agent.network.device
        if settings.critic_model is None:
            backbone = copy.deepcopy(agent.model)
        else:
            backbone = build_model(settings.critic_model, agent.tokenizer, agent.spec.seed + 1).to(device)
        name = settings.precision
        self._agent = agent
        self.critic = Critic(
            backbone,
            pooling=settings.critic_pooling,
            reads=settings.critic_reads,
            compute_dtype=best_compute_dtype(device) if name == "auto" else getattr(torch, name),
        ).to(device)
        self.optimizers = make_optimizers(
            self.critic, "adamw", learning_rate=settings.critic_rate, matrix_rate=0.0, weight_decay=0.0
        )

    def learn(self, groups: Sequence[Group]) -> tuple[list[tuple[float, ...]], dict[str, float]]:
        """Take a step on judged programs.

        Args:
            groups: programs by problem.

        Returns:
            The value of every token before the step, for each program in order; and figures worth logging.
        """
        self.critic.train()
        counts_by_outcome = [
            sum(row.count for group in groups for row in group.rows if row.outcome is kind) for kind in Outcome
        ]
        total = max(1, sum(counts_by_outcome))
        values: list[tuple[float, ...]] = []
        right = loss_sum = 0.0
        for part in pieces(self._agent, groups):
            class_logits, token_logits, outcomes, counts, mask = self._forward(part)
            losses = outcome_loss(class_logits, outcomes)
            loss = (losses * counts).sum() / total
            loss.backward()
            loss_sum += float(loss.detach())
            right += float(((class_logits.argmax(-1) == outcomes) * counts).sum())
            values += _by_row(token_values(token_logits, outcomes), mask)
        norm = float(torch.nn.utils.clip_grad_norm_(self.critic.parameters(), self._agent.settings.clip_norm))
        if math.isfinite(norm):
            self.optimizers.step()
        else:
            self.optimizers.discard()
        figures = {
            "critic_loss": loss_sum,
            "critic_accuracy": right / total,
            "critic_majority": max(counts_by_outcome) / total,
        }
        return values, figures

    @torch.inference_mode()
    def values(self, groups: Sequence[Group]) -> list[tuple[float, ...]]:
        """Return the value of every token, for each program in order, without learning."""
        self.critic.eval()
        values: list[tuple[float, ...]] = []
        for part in pieces(self._agent, groups):
            _, token_logits, outcomes, _, mask = self._forward(part)
            values += _by_row(token_values(token_logits, outcomes), mask)
        return values

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs."""
        return {"critic": self.critic.state_dict(), "critic_optimizers": self.optimizers.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.critic.load_state_dict(state["critic"])
        self.optimizers.load_state_dict(state["critic_optimizers"])

    def _forward(self, groups: Sequence[Group]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return class logits, token logits, outcomes and counts of all rows, without those that fill the grid up."""
        batch = to_batch(self._agent, [[row.example for row in group.rows] for group in groups])
        memory = self.critic.network.encode(batch.ids, batch.prompt_mask)
        mask = batch.labels != IGNORED
        real = mask.flatten(0, 1).any(1)
        # A row of nothing but padding has no maximum; it reads its first place and is dropped.
        readable = mask.clone()
        readable[..., 0] |= ~mask.any(-1)
        class_logits, token_logits = self.critic(memory, batch.inputs, batch.labels, readable)
        rows = [row for group in groups for row in group.rows]
        device = class_logits.device
        outcomes = torch.tensor([row.outcome.index for row in rows], device=device)
        counts = torch.tensor([float(row.count) for row in rows], device=device)
        return class_logits[real], token_logits[real], outcomes, counts, mask.flatten(0, 1)[real]


def train_critic(agent: CodeT5Agent, workbench: Workbench) -> CriticTrainer:
    """Run the critic's stage, or load its result where the run has finished it; the actor is left as it is."""
    trainer = CriticTrainer(agent)
    path = workbench.run.checkpoints / _CHECKPOINT
    if workbench.finished("critic") is not None:
        trainer.restore(torch.load(path, weights_only=True))
        return trainer
    config = workbench.config
    corpus = corpus_of(agent, workbench)
    clock = workbench.clock("critic", config.critic_seconds, config.critic_steps)
    ahead: list[Drawing] = []

    def capture() -> dict[str, Any]:
        return {
            **trainer.capture(),
            "ahead": [pack(drawing) for drawing in ahead],
            "random": torch.get_rng_state(),
        }

    def restore(state: Mapping[str, Any]) -> None:
        trainer.restore(state)
        torch.set_rng_state(state["random"])
        ahead[:] = [unpack(workbench, packed) for packed in state["ahead"]]

    stage = Stage(workbench, clock, capture, restore)

    def step() -> dict[str, float]:
        if not ahead:
            ahead.append(draw_programs(agent, workbench, "critic", clock.step, has_greedy=False))
        lessons = corpus.lessons(clock.step, agent.settings.ce_batch, _LESSON_STREAM)
        judging = [(example, lesson, workbench.submit(lesson.task, lesson.program)) for example, lesson in lessons]
        # Drawn while the earlier batch is judged.
        ahead.append(draw_programs(agent, workbench, "critic", clock.step + 1, has_greedy=False))
        experience = receive(agent, workbench, ahead.pop(0))
        workbench.record("critic", experience.step, experience.episodes)
        groups = [group for group in experience.groups if group.rows]
        for example, lesson, future in judging:
            with contextlib.suppress(JudgeError):
                judgement = workbench.result(future)
                row = Row(example, (), 1, judgement.outcome, workbench.reward(judgement))
                groups.append(Group(lesson.task, (row,), None))
        if not groups:
            return {"lost": float(experience.lost)}
        return experience.figures() | trainer.learn(groups)[1]

    stage.run(step)
    save_state(trainer.capture(), path)
    stage.finish({})
    return trainer


def pieces(agent: CodeT5Agent, groups: Sequence[Group]) -> list[list[Group]]:
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
