"""Reinforcement learning of the policy: draw programs, have them judged, weigh them, and learn from them.

One loop for all agents; what differs between them is where the advantage of a token comes from. Each step draws
programs with the present policy and learns from those of the step before, which were judged meanwhile. A program that
could not be judged takes its problem out of the batch; an update whose loss or gradient is not sound is not made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coderl_agents.codet5.experience import Drawing, Experience, Group, Row, draw_programs, pack, receive, unpack
from coderl_agents.codet5.losses import IGNORED, token_log_probs
from coderl_agents.codet5.optimizers import Optimizers, make_optimizers
from coderl_agents.codet5.stages import stage_rate
from coderl_agents.codet5.supervised import to_batch, training_network
from coderl_agents.codet5.train_critic import pieces
from coderl_agents.policy_gradient.losses import kl_estimates, policy_loss, value_loss
from coderl_agents.policy_gradient.reference import Reference
from coderl_agents.policy_gradient.signals import Signal, Taught, program_signals, rows_of, token_signals
from coderl_agents.policy_gradient.team import Team
from coderl_agents.policy_gradient.value_head import ValueHead, estimates
from coderl_env.experiment.workbench import StageClock, Workbench

if TYPE_CHECKING:
    from coderl_agents.policy_gradient.agent import PolicyGradientAgent

__all__ = ["Learner", "TrainingDivergedError"]

_SHUFFLE_STREAM = 13
_WARMUP_STEPS = 3


class TrainingDivergedError(ValueError):
    """Several steps in a row had no sound update."""


class Learner:
    """The policy's side of reinforcement learning: what is in flight, optimisers, and the update.

    Args:
        agent: the warm-started agent; its weights at this moment are the reference.
        workbench: the run's workbench.
        clock: budget of the stage.

    Attributes:
        programs: programs drawn so far.
        skipped: updates not made so far.
    """

    def __init__(self, agent: PolicyGradientAgent, workbench: Workbench, clock: StageClock) -> None:
        settings = agent.settings
        self.agent = agent
        self.workbench = workbench
        self.clock = clock
        self.programs = 0
        self.skipped = 0
        self.network = training_network(agent)
        self._in_loss = settings.kl_weight > 0 and settings.advantage != "gae"
        self._reference = Reference(agent.model) if settings.kl_weight > 0 else None
        self._head: ValueHead | None = None
        self.optimizers = make_optimizers(
            agent.model, "adamw", learning_rate=settings.rl_rate, matrix_rate=0.0, weight_decay=0.0
        )
        if settings.advantage == "gae":
            width = agent.model.get_output_embeddings().weight.shape[1]
            self._head = ValueHead(width).to(agent.network.device)
            heads = make_optimizers(
                self._head, "adamw", learning_rate=settings.value_rate, matrix_rate=0.0, weight_decay=0.0
            )
            self.optimizers = Optimizers([*self.optimizers.optimizers, *heads.optimizers])
        self.team = Team()
        if self.team.count > 1 and clock.seconds_limit is not None:
            raise ValueError(
                f"{self.team.count} processes that learn together need a budget in steps: set rl_steps, and rl_seconds "
                "to null"
            )
        self.team.agree(self.optimizers.parameters())
        self._bad_steps = 0
        self._ahead: list[Drawing] = []

    def step(self) -> dict[str, float]:
        """Draw the next batch, learn from the one before, and return figures.

        Raises:
            TrainingDivergedError: too many steps in a row had no sound update.
        """
        experience = self.team.told(self._drawn() if self.team.rank == 0 else None)
        assert experience is not None
        figures = experience.figures()
        if experience.lost:
            figures["lost"] = float(experience.lost)
        return figures | self.learn(experience)

    def _drawn(self) -> Experience:
        """Draw the next batch, and return the one before with its judgements."""
        clock, workbench, agent = self.clock, self.workbench, self.agent
        has_greedy = agent.settings.advantage == "greedy"
        if not self._ahead:
            self._ahead.append(draw_programs(agent, workbench, "rl", clock.step, has_greedy=has_greedy))
        # Drawn while the judge is busy with the batch before.
        self._ahead.append(draw_programs(agent, workbench, "rl", clock.step + 1, has_greedy=has_greedy))
        experience = receive(agent, workbench, self._ahead.pop(0))
        workbench.record("rl", experience.step, experience.episodes)
        self.programs += len(experience.episodes)
        return experience

    def learn(self, experience: Experience) -> dict[str, float]:
        """Learn from judged programs and return figures; nothing is learned where nothing was judged."""
        groups = [group for group in experience.groups if group.rows]
        useful, figures = self._taught(groups)
        drawn = sum(group.drawn for group in groups)
        figures["useful"] = sum(one.useful for one in useful) / max(drawn, 1)
        figures["updates"] = 0.0
        if not useful:
            return figures
        settings = self.agent.settings
        rng = np.random.default_rng([self.workbench.config.seed, _SHUFFLE_STREAM, experience.step])
        # Of all programs drawn: those without advantage take part in the mean.
        scale = sum(_size(row, settings.reduction) for row in rows_of(groups)) / settings.rl_minibatches
        found: list[dict[str, float]] = []
        for _ in range(settings.rl_epochs):
            split = np.array_split(rng.permutation(len(useful)), settings.rl_minibatches)
            found += [self._update([useful[place] for place in places], scale) for places in split if len(places)]
        sound = [update for update in found if "skipped" not in update]
        figures["updates"] = float(len(sound))
        self._count_skipped(found, sound, figures)
        for name in sound[0] if sound else ():
            figures[name] = float(np.mean([update[name] for update in sound]))
        return figures

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs, the programs in flight included."""
        return {
            "model": self.agent.model.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "head": None if self._head is None else self._head.state_dict(),
            "reference": None if self._reference is None else self._reference.state_dict(),
            "programs": self.programs,
            "skipped": self.skipped,
            "bad_steps": self._bad_steps,
            "ahead": [pack(drawing) for drawing in self._ahead],
            "random": torch.get_rng_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.agent.model.load_state_dict(state["model"])
        self.optimizers.load_state_dict(state["optimizers"])
        if self._head is not None:
            self._head.load_state_dict(state["head"])
        if self._reference is not None:
            self._reference.load_state_dict(state["reference"])
        self.programs, self.skipped, self._bad_steps = state["programs"], state["skipped"], state["bad_steps"]
        self._ahead = [unpack(self.workbench, packed) for packed in state["ahead"]]
        torch.set_rng_state(state["random"])

    def _taught(self, groups: Sequence[Group]) -> tuple[list[Taught], dict[str, float]]:
        """Return what the programs of each problem teach, and figures; problems that teach nothing are left out."""
        settings = self.agent.settings
        figures: dict[str, float] = {}
        reference = None
        if self._reference is not None and groups:
            with self._reference.in_place():
                reference = self._measure(groups)[0]
            figures["kl"] = _mean_kl(rows_of(groups), reference)
        if self._head is None:
            return program_signals(groups, settings.advantage, reference if self._in_loss else None), figures
        rows, values = rows_of(groups), self._measure(groups)[1]
        found = estimates(rows, values, reference, kl_weight=settings.kl_weight, trace=settings.gae_lambda)
        return token_signals(groups, found), figures

    @torch.no_grad()
    def _measure(self, groups: Sequence[Group]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
        """Return log-probabilities and values of every row's tokens; no values without a value head."""
        self.agent.model.eval()
        log_probs: list[tuple[float, ...]] = []
        values: list[tuple[float, ...]] = []
        for part in pieces(self.agent, groups):
            found, states = self._forward(part)
            lengths = [len(row.example.target) for row in rows_of(part)]
            log_probs += [tuple(row.tolist()) for row in found.split(lengths)]
            if self._head is not None:
                values += [tuple(row.tolist()) for row in self._head(states).split(lengths)]
        return log_probs, values

    def _forward(self, groups: Sequence[Group]) -> tuple[Tensor, Tensor]:
        """Return log-probabilities (tokens,) and states (tokens, d_model) of all programs, one after another."""
        batch = to_batch(self.agent, [[row.example for row in group.rows] for group in groups])
        states = self.network.decode(self.network.encode(batch.ids, batch.prompt_mask), batch.inputs)
        places = batch.labels != IGNORED
        # Logits are wide and most places are padding, so they are computed where there are tokens.
        states = states[places]
        allowed = self.agent.allowed.to(states.device)
        return token_log_probs(self.network.logits(states), batch.labels[places], allowed), states

    def _update(self, useful: Sequence[Taught], scale: float) -> dict[str, float]:
        """Take one optimisation step, unless its loss or gradient is not sound; return figures."""
        settings = self.agent.settings
        self.agent.model.train()
        total = distance = 0.0
        shared = self.team.share(useful)
        signals = iter([signal for one in shared for signal in one.signals])
        for part in pieces(self.agent, [one.group for one in shared]):
            log_probs, states = self._forward(part)
            rows = rows_of(part)
            old = _joined([row.log_probs for row in rows], log_probs)
            loss = self._loss(rows, [next(signals) for _ in rows], log_probs, old, states, scale)
            loss.backward()
            total += float(loss.detach())
            distance += float(((log_probs.detach() - old).exp() - 1).abs().sum())
        parameters = self.optimizers.parameters()
        total, distance = self.team.add_up(parameters, (total, distance))
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm))
        if not (math.isfinite(total) and norm < settings.explosion):
            self.optimizers.discard()
            return {"skipped": 1.0, "policy_loss": total, "gradient_norm": norm}
        factor = stage_rate(self.clock.step, self.clock.fraction, warmup=_WARMUP_STEPS, cooldown=settings.rl_cooldown)
        self.optimizers.step(factor)
        tokens = sum(len(signal.gains) for one in useful for signal in one.signals)
        return {"policy_loss": total, "gradient_norm": norm, "ratio_distance": distance / max(tokens, 1)}

    def _loss(
        self,
        rows: Sequence[Row],
        signals: Sequence[Signal],
        log_probs: Tensor,
        old: Tensor,
        states: Tensor,
        scale: float,
    ) -> Tensor:
        settings = self.agent.settings
        counts = _joined([(float(row.count),) * len(row.log_probs) for row in rows], log_probs)
        gains = _joined([signal.gains for signal in signals], log_probs) * counts
        low, high = (None, None) if settings.clip_low < 0 else (settings.clip_low, settings.clip_high)
        loss = policy_loss(log_probs, old, gains, clip_low=low, clip_high=high, normaliser=scale)
        if self._in_loss:
            reference = _joined([signal.reference or () for signal in signals], log_probs)
            loss = loss + settings.kl_weight * (counts * kl_estimates(log_probs, reference)).sum() / scale
        if self._head is not None:
            made = [signal.estimate for signal in signals if signal.estimate is not None]
            loss = loss + settings.value_weight * value_loss(
                self._head(states),
                _joined([one.values for one in made], log_probs),
                _joined([one.returns for one in made], log_probs),
                counts,
                clip=settings.value_clip,
                normaliser=scale,
            )
        return loss

    def _count_skipped(
        self, found: Sequence[Mapping[str, float]], sound: Sequence[Mapping[str, float]], figures: dict[str, float]
    ) -> None:
        skipped = len(found) - len(sound)
        self.skipped += skipped
        if skipped:
            figures["skipped"] = float(skipped)
        self._bad_steps = 0 if sound else self._bad_steps + 1
        if self._bad_steps >= self.agent.settings.patience_bad_steps:
            last = found[-1]
            raise TrainingDivergedError(
                f"agent {self.agent.name} stopped: the last {self._bad_steps} steps had no sound update (loss "
                f"{last['policy_loss']:.3g}, gradient norm {last['gradient_norm']:.3g}); begin again with a lower "
                f"rl_rate than {self.agent.settings.rl_rate:g}"
            )


def _mean_kl(rows: Sequence[Row], reference: Sequence[tuple[float, ...]]) -> float:
    """Return the mean over tokens of `log p - log p_reference`, of the programs as drawn."""
    total = sum(row.count * (sum(row.log_probs) - sum(other)) for row, other in zip(rows, reference, strict=True))
    return total / max(sum(row.count * len(row.log_probs) for row in rows), 1)


def _joined(rows: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """Return the numbers of all rows one after another, (tokens,)."""
    return torch.tensor([number for row in rows for number in row], dtype=like.dtype, device=like.device)


def _size(row: Row, reduction: str) -> float:
    """Return what a row counts in the loss's denominator."""
    return float(row.count * (len(row.example.target) if reduction == "tokens" else 1))
