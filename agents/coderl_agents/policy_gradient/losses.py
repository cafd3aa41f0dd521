"""Losses of the policy-gradient agents as pure functions of tensors; the clipped surrogate is `codet5.losses`'.

Every function checks the shapes that it is given. Gradients flow to `log_probs` and `values` only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coderl_agents.codet5.losses import policy_loss

__all__ = ["kl_estimates", "policy_loss", "value_loss"]


def kl_estimates(log_probs: Tensor, reference: Tensor) -> Tensor:
    """Return the estimate `r - log r - 1` of the distance from a reference, r = p_reference / p, for every token.

    Unbiased, never negative, and of low variance: k3 in Schulman 2020, "Approximating KL divergence"; equation 4 of
    Shao et al. 2024.

    Args:
        log_probs: (tokens,) under the policy.
        reference: (tokens,) under the reference.
    """
    _check("reference", reference, log_probs)
    log_ratio = reference.detach() - log_probs
    # Beyond e^20 the estimate is no number to learn from, and would overflow.
    return log_ratio.clamp(max=20.0).exp() - log_ratio - 1


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, weights: Tensor, *, clip: float, normaliser: float
) -> Tensor:
    """Return half the weighted square of what the values miss, clipped as in PPO's reference implementation.

    A value that moved further than `clip` from the old one counts with the larger of both errors.

    Args:
        values: (tokens,) of the value head; gradients flow to it.
        old_values: (tokens,) of the head that the advantages were made with.
        returns: (tokens,) what the values should have been.
        weights: (tokens,) how often each token was drawn.
        clip: how far a value may move for free.
        normaliser: what the sum is divided by.
    """
    for name, tensor in (("old_values", old_values), ("returns", returns), ("weights", weights)):
        _check(name, tensor, values)
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)
    return 0.5 * (weights * errors).sum() / normaliser


def _check(name: str, tensor: Tensor, like: Tensor) -> None:
    if tensor.shape != like.shape or tensor.ndim != 1:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, not {tuple(like.shape)}")
