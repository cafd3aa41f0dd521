"""Reinforcement learning of the actor, online: sample, judge, weigh, learn.

Each step draws programs for fresh train problems with the current actor and learns from the programs of the step
before, which were judged meanwhile. Nothing here ever sees a solution of these problems; cross-entropy, where its
weight is not 0, is on the warm start's demonstrations only.

Deviations from the paper, each a setting (`Settings`):

1. Samples are drawn from the current actor; `rl_source="warm_start"` is the paper's offline recipe, with `rl_batches`
   for a fixed set of them.
2. A batch serves for several steps, with clipped importance ratios; `clip_low=-1` is the paper's plain log-probability.
3. Equal programs of a problem are one row with a count, and rows without advantage are left out of the forward pass;
   neither changes the loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coderl_agents.codet5.experience import Drawing, Experience, Group, Row, draw_programs, pack, receive, unpack
from coderl_agents.codet5.losses import IGNORED, policy_loss, token_log_probs
from coderl_agents.codet5.model import load_model, save_state
from coderl_agents.codet5.optimizers import clipped_norm, make_optimizers
from coderl_agents.codet5.stages import UNSOUND, Stage, stage_rate
from coderl_agents.codet5.supervised import corpus_of, supervised_step, to_batch, training_network
from coderl_agents.codet5.train_critic import RL_CRITIC_FILE, CriticTrainer, pieces
from coderl_agents.codet5.writer import Writer
from coderl_env.experiment.workbench import StageClock, Workbench
from coderl_env.outcome import Outcome

if TYPE_CHECKING:
    from coderl_agents.codet5.agent import CodeT5Agent

__all__ = ["row_advantages", "train_actor"]

_LESSON_STREAM = 3
_SHUFFLE_STREAM = 13
_WARMUP_STEPS = 3


def train_actor(agent: CodeT5Agent, workbench: Workbench, critic: CriticTrainer | None) -> None:
    """Run reinforcement learning, or do nothing where the run has finished it; leaves checkpoint `rl`.

    Args:
        agent: the warm-started actor.
        workbench: the run's workbench.
        critic: the trained critic; None where `weighting` needs none.
    """
    if workbench.finished("rl") is not None:
        return
    config = workbench.config
    clock = workbench.clock("rl", config.rl_seconds, config.rl_steps)
    learner = _Learner(agent, workbench, clock, critic)
    stage = Stage(workbench, clock, learner.capture, learner.restore)
    waited = workbench.judge_wait_seconds
    stage.run(learner.step)
    agent.save(workbench.run.checkpoints / "rl")
    if critic is not None:
        save_state(critic.capture(), workbench.run.checkpoints / RL_CRITIC_FILE)
    stage.finish({"programs": learner.programs, "judge_wait_seconds": workbench.judge_wait_seconds - waited})


def row_advantages(group: Group, baseline: str, *, scale: bool = False) -> list[float]:
    """Return the advantage of each row of a problem's programs.

    Args:
        group: the programs, with counts.
        baseline: `greedy`: the greedy program's return is subtracted (equation 8); `group`: the mean return of the
            problem's other programs; `none`; `positives`: 1 for programs that pass, 0 for others.
        scale: divide by the standard deviation of the problem's returns.
    """
    rewards = [row.reward for row in group.rows]
    if baseline == "none":
        return rewards
    if baseline == "positives":
        return [float(row.outcome is Outcome.PASSED) for row in group.rows]
    if baseline == "greedy":
        assert group.greedy_reward is not None
        return [reward - group.greedy_reward for reward in rewards]
    drawn, mean = group.drawn, group.mean_reward
    if drawn < 2:
        return [0.0 for _ in rewards]
    relative = [(reward - mean) * drawn / (drawn - 1) for reward in rewards]
    if not scale:
        return relative
    variance = sum(row.count * (row.reward - mean) ** 2 for row in group.rows) / (drawn - 1)
    return [value / (math.sqrt(variance) + 1e-6) for value in relative]


class _Learner:
    """The actor's side of reinforcement learning: what is in flight, optimisers, and the update."""

    def __init__(
        self, agent: CodeT5Agent, workbench: Workbench, clock: StageClock, critic: CriticTrainer | None
    ) -> None:
        settings = agent.settings
        self.agent = agent
        self.workbench = workbench
        self.clock = clock
        self.critic = critic
        self.programs = 0
        self.network = training_network(agent)
        self.corpus = corpus_of(agent, workbench) if settings.ce_weight > 0 else None
        self.optimizers = make_optimizers(
            agent.model, "adamw", learning_rate=settings.rl_rate, matrix_rate=0.0, weight_decay=0.0
        )
        self._ahead: list[Drawing] = []
        self._offline = _frozen_writer(agent, workbench) if settings.rl_source == "warm_start" else None

    def step(self) -> dict[str, float]:
        """Draw the next batch, learn from the one before, and return figures."""
        clock, workbench, agent = self.clock, self.workbench, self.agent
        has_greedy = agent.settings.baseline == "greedy"
        if not self._ahead:
            self._ahead.append(self._draw(clock.step, has_greedy))
        # Drawn while the judge is busy with the batch before.
        self._ahead.append(self._draw(clock.step + 1, has_greedy))
        experience = receive(agent, workbench, self._ahead.pop(0))
        workbench.record("rl", experience.step, experience.episodes)
        self.programs += len(experience.episodes)
        figures = experience.figures()
        if experience.lost:
            figures["lost"] = float(experience.lost)
        return figures | self._learn(experience)

    def _draw(self, step: int, has_greedy: bool) -> Drawing:
        batches = self.agent.settings.rl_batches
        return draw_programs(
            self.agent,
            self.workbench,
            "rl",
            step,
            has_greedy=has_greedy,
            writer=self._offline,
            seed_step=step if batches is None else step % batches,
        )

    def capture(self) -> dict[str, Any]:
        """Return what a resumed stage needs, the programs in flight included."""
        return {
            "model": self.agent.model.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "critic": None if self.critic is None else self.critic.capture(),
            "programs": self.programs,
            "ahead": [pack(drawing) for drawing in self._ahead],
            "random": torch.get_rng_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `capture` returned."""
        self.agent.model.load_state_dict(state["model"])
        self.optimizers.load_state_dict(state["optimizers"])
        if self.critic is not None:
            self.critic.restore(state["critic"])
        self.programs = state["programs"]
        self._ahead = [unpack(self.workbench, packed) for packed in state["ahead"]]
        torch.set_rng_state(state["random"])

    def _learn(self, experience: Experience) -> dict[str, float]:
        settings = self.agent.settings
        groups = [group for group in experience.groups if group.rows]
        if not groups:
            return {}
        figures: dict[str, float] = {}
        values: list[tuple[float, ...]] | None = None
        if self.critic is not None:
            if settings.critic_refresh:
                values, figures = self.critic.learn(groups)
            else:
                values = self.critic.values(groups)
        useful, signals = self._signals(groups, values)
        figures["useful"] = sum(row.count for group in useful for row in group.rows) / sum(g.drawn for g in groups)
        rng = np.random.default_rng([self.workbench.config.seed, _SHUFFLE_STREAM, experience.step])
        scale = sum(_size(row, settings.reduction) for group in groups for row in group.rows) / settings.rl_minibatches
        norms, losses, ratios = [], [], []
        for _ in range(settings.rl_epochs):
            for places in np.array_split(rng.permutation(len(useful)), settings.rl_minibatches):
                chosen = [useful[place] for place in places]
                loss, ratio = self._policy_gradients(chosen, [signals[place] for place in places], scale)
                losses.append(loss)
                ratios.append(ratio)
                figures |= self._lesson_gradients(len(losses))
                norms.append(self._update())
        figures["policy_loss"] = float(np.mean(losses))
        figures["ratio_distance"] = float(np.mean(ratios))
        figures["gradient_norm"] = float(np.nanmean(norms)) if np.isfinite(norms).any() else math.nan
        if not np.isfinite(norms).all():
            figures[UNSOUND] = float(1 - np.isfinite(norms).mean())
        return figures

    def _signals(
        self, groups: Sequence[Group], values: list[tuple[float, ...]] | None
    ) -> tuple[list[Group], list[list[tuple[float, ...]]]]:
        """Return the groups without rows that teach nothing, and advantage times weight for each token of the rest."""
        settings = self.agent.settings
        useful, signals = [], []
        place = 0
        for group in groups:
            kept, signal = [], []
            for row, advantage in zip(
                group.rows,
                row_advantages(group, settings.baseline, scale=settings.scale_advantages),
                strict=True,
            ):
                weights = _weights(
                    settings.weighting, len(row.example.target), None if values is None else values[place]
                )
                place += 1
                if advantage != 0:
                    kept.append(row)
                    signal.append(tuple(advantage * row.count * weight for weight in weights))
            if kept:
                useful.append(replace(group, rows=tuple(kept)))
                signals.append(signal)
        return useful, signals

    def _policy_gradients(
        self, groups: Sequence[Group], signals: Sequence[Sequence[tuple[float, ...]]], scale: float
    ) -> tuple[float, float]:
        """Add the gradients of the policy loss; return the loss and the mean distance of the ratio from 1."""
        if not groups:
            return 0.0, 0.0
        agent, settings = self.agent, self.agent.settings
        agent.model.train()
        low, high = (None, None) if settings.clip_low < 0 else (settings.clip_low, settings.clip_high)
        flat = iter([row for signal in signals for row in signal])
        total = distance = tokens = 0.0
        for part in pieces(agent, groups):
            batch = to_batch(agent, [[row.example for row in group.rows] for group in part])
            states = self.network.decode(self.network.encode(batch.ids, batch.prompt_mask), batch.inputs)
            places = batch.labels != IGNORED
            # Logits are wide and most places are padding, so they are computed where there are tokens.
            log_probs = token_log_probs(
                self.network.logits(states[places]), batch.labels[places], agent.allowed.to(states.device)
            )
            rows = [row for group in part for row in group.rows]
            old = _joined([row.log_probs for row in rows], log_probs)
            gains = _joined([next(flat) for _ in rows], log_probs)
            loss = policy_loss(log_probs, old, gains, clip_low=low, clip_high=high, normaliser=scale)
            (settings.rl_weight * loss).backward()
            total += float(loss.detach())
            distance += float(((log_probs.detach() - old).exp() - 1).abs().sum())
            tokens += len(old)
        return total, distance / max(tokens, 1)

    def _lesson_gradients(self, number: int) -> dict[str, float]:
        """Add the gradients of the cross-entropy on the next demonstrations."""
        settings = self.agent.settings
        if self.corpus is None:
            return {}
        self.agent.model.train()
        per_step = settings.rl_epochs * settings.rl_minibatches
        place = self.clock.step * per_step + number
        examples = self.corpus.examples(place, settings.ce_batch, _LESSON_STREAM)
        return {"ce_loss": supervised_step(self.agent, self.network, examples, settings.ce_weight)}

    def _update(self) -> float:
        """Take an optimisation step and return the gradient's norm; NaN, and no step, where it is not finite."""
        settings = self.agent.settings
        norm = clipped_norm(self.agent.model, settings.clip_norm)
        if norm is None:
            self.optimizers.discard()
            return math.nan
        self.optimizers.step(
            stage_rate(self.clock.step, self.clock.fraction, warmup=_WARMUP_STEPS, cooldown=settings.rl_cooldown)
        )
        return norm


def _frozen_writer(agent: CodeT5Agent, workbench: Workbench) -> Writer:
    """Return what draws programs with the actor as the warm start left it."""
    model = load_model(workbench.run.checkpoints / "warm_start", agent.tokenizer).to(agent.network.device)
    network = type(agent.network)(model)
    return Writer(agent.spec, network, model.config.vocab_size, agent.settings.max_rows)


def _joined(rows: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """Return the numbers of all rows one after another, (tokens,)."""
    return torch.tensor([number for row in rows for number in row], dtype=like.dtype, device=like.device)


def _size(row: Row, reduction: str) -> float:
    """Return what a row counts in the loss's denominator."""
    return float(row.count * (len(row.example.target) if reduction == "tokens" else 1))


def _weights(weighting: str, tokens: int, values: tuple[float, ...] | None) -> Sequence[float]:
    if weighting == "critic":
        assert values is not None
        return values
    if weighting == "decay":
        # The paper's ablation: from 1 at the first token linearly down to 0 behind the last.
        return [1 - place / tokens for place in range(tokens)]
    return [1.0] * tokens
