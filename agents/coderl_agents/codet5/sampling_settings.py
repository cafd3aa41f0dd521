"""The settings of critics and of critic sampling, which all agents share that have either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from coderl_agents.codet5.critic import HEADS, LABELS, PADDINGS, POOLINGS, READS, CriticForm
from coderl_agents.learning_settings import LearningSettings

__all__ = ["SamplingSettings"]

_CHOICES = {
    "critic_pooling": POOLINGS,
    "critic_padding": PADDINGS,
    "critic_reads": READS,
    "critic_head": HEADS,
    "sampling_labels": LABELS,
}
_POSITIVE = ("critic_batch", "repair_updates", "sampling_candidates")


@dataclass(frozen=True, slots=True)
class SamplingSettings(LearningSettings):
    """What is the same for `codet5` and the policy-gradient agents, besides `LearningSettings`.

    Attributes:
        critic_model: the critic's model, anything that `model` may be, or None for a copy of the actor.
        critic_rate: learning rate of the critic; AdamW's, where the optimiser has two.
        critic_matrix_rate: Muon's for the critic.
        critic_batch: problems per step of the critic.
        critic_pooling: `states` (the paper) or `logits` (the official code).
        critic_padding: `masked`, or `read` (the official code).
        critic_reads: `token` (the paper) or `prefix` (the official code).
        critic_head: `linear` (the paper) or `mlp` (the official code).
        critic_token_weight: weight of the outcome's loss at every single token; 0 in the paper.
        sampling_labels: what the critic of critic sampling tells apart: `outcomes`, or `binary` (the paper: passed or
            not).
        sampling_refine: whether critic sampling refines programs that pass the examples.
        sampling_repair: whether it repairs where there are none; then a repair model is trained.
        sampling_first: share of its budget that is drawn before anything is known.
        sampling_rounds: rounds of refining and repairing, which share the rest.
        sampling_candidates: failed programs that a round repairs, the paper's M.
        repair_updates: steps of the repair model for each batch of failures that is drawn.
    """

    critic_model: str | None = None
    critic_rate: float | None = None
    critic_matrix_rate: float | None = None
    critic_batch: int = 16
    critic_pooling: str = "states"
    critic_padding: str = "masked"
    critic_reads: str = "token"
    critic_head: str = "linear"
    critic_token_weight: float = 0.5
    sampling_labels: str = "outcomes"
    sampling_refine: bool = True
    sampling_repair: bool = True
    sampling_first: float = 0.5
    sampling_rounds: int = 1
    sampling_candidates: int = 1
    repair_updates: int = 8

    def check(self, stages: Iterable[str], choices: Mapping[str, Iterable[str]], positive: Iterable[str]) -> None:
        """Check these settings as well; see `LearningSettings.check`."""
        LearningSettings.check(self, stages, {**choices, **_CHOICES}, (*positive, *_POSITIVE))

    @property
    def critic_form(self) -> CriticForm:
        """What kind of critic weighs the actor's tokens."""
        return CriticForm(self.critic_pooling, self.critic_padding, self.critic_reads, self.critic_head)

    @property
    def sampling_form(self) -> CriticForm:
        """What kind of critic critic sampling has."""
        return replace(self.critic_form, labels=self.sampling_labels)
