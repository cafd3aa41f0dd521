"""PPO's own parts: the value head, the reward of every token, and the advantages made of both.

Deviations from the original (Schulman et al. 2017), each usual for language models: the value head reads the policy's
own last states (Ziegler et al. 2019); the distance from the reference is a penalty of every token's reward; advantages
are whitened over the batch, distances between programs included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coderl_agents.codet5.experience import Row
from coderl_agents.policy_gradient.advantages import gae, whitened

__all__ = ["Estimate", "ValueHead", "estimates", "token_rewards"]


class ValueHead(nn.Module):
    """One linear layer from the state before a token to the return that is to be expected; 0 at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return values (tokens,) of states (tokens, d_model)."""
        return torch.as_tensor(self.linear(states.float())).squeeze(-1)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What PPO makes of a program, one number for each token.

    Attributes:
        advantages: whitened over the batch.
        values: of the head when the batch came in.
        returns: what the values should have been.
    """

    advantages: tuple[float, ...]
    values: tuple[float, ...]
    returns: tuple[float, ...]


def token_rewards(reward: float, log_probs: Sequence[float], reference: Sequence[float], weight: float) -> list[float]:
    """Return the reward of every token: the penalty for leaving the reference, and at the last token the outcome's.

    Args:
        reward: return of the program.
        log_probs: of its tokens, under the policy that drew them.
        reference: likewise, under the reference.
        weight: of the penalty.

    >>> token_rewards(1.0, [-1.0, -1.0], [-1.5, -1.0], 0.5)
    [-0.25, 1.0]
    """
    rewards = [-weight * (own - other) for own, other in zip(log_probs, reference, strict=True)]
    rewards[-1] += reward
    return rewards


def estimates(
    rows: Sequence[Row],
    values: Sequence[tuple[float, ...]],
    reference: Sequence[tuple[float, ...]] | None,
    *,
    kl_weight: float,
    trace: float,
) -> list[Estimate]:
    """Return the estimates of a batch.

    Args:
        rows: the programs.
        values: of every token, under the present head.
        reference: log-probabilities of every token under the reference, or None for no penalty.
        kl_weight: weight of the penalty.
        trace: lambda of `gae`.
    """
    raw = []
    for place, row in enumerate(rows):
        other = row.log_probs if reference is None else reference[place]
        raw.append(gae(token_rewards(row.reward, row.log_probs, other, kl_weight), values[place], trace))
    white = whitened(raw, [row.count for row in rows])
    return [
        Estimate(advantages, old, tuple(gain + value for gain, value in zip(gains, old, strict=True)))
        for advantages, old, gains in zip(white, values, raw, strict=True)
    ]
