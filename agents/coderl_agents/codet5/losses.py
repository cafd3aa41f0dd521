"""Losses of CodeRL as pure functions of tensors (Le et al. 2022, arXiv 2207.01780; equation numbers are the paper's).

Every function checks the shapes that it is given, and averages or sums as its docstring says. Gradients flow to
`logits` and `log_probs` only: rewards, critic scores and old log-probabilities are constants.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

__all__ = [
    "IGNORED",
    "cross_entropy",
    "outcome_loss",
    "policy_loss",
    "pool_states",
    "token_log_probs",
    "token_outcome_loss",
    "token_values",
]

IGNORED = -100  # label of a place that holds no token


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of `labels` over all tokens (equation 1, divided by their number).

    Args:
        logits: (..., tokens, vocabulary).
        labels: (..., tokens), `IGNORED` where there is no token.
    """
    _check(logits.shape[:-1] == labels.shape, "logits without their last dimension", logits.shape[:-1], labels.shape)
    # A batch without any token has no loss, and not the NaN of 0 / 0.
    count = (labels != IGNORED).sum().clamp(min=1)
    total = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / count


def token_log_probs(logits: Tensor, labels: Tensor, allowed: Tensor) -> Tensor:
    """Return the log-probability of each label under the model restricted to `allowed` tokens.

    Args:
        logits: (tokens, vocabulary).
        labels: (tokens,), each an allowed token.
        allowed: (vocabulary,), true for tokens that may be played.
    """
    _check(logits.shape[:-1] == labels.shape, "logits without their last dimension", logits.shape[:-1], labels.shape)
    _check(allowed.shape == logits.shape[-1:], "allowed", allowed.shape, logits.shape[-1:])
    masked = logits.masked_fill(~allowed, float("-inf"))
    return -F.cross_entropy(masked, labels, reduction="none")


def policy_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    gains: Tensor,
    *,
    clip_low: float | None = None,
    clip_high: float | None = None,
    normaliser: float,
) -> Tensor:
    """Return the actor's loss, `- sum_t A q_t log p_t / normaliser` (equations 10 and 14), or its clipped form.

    With both clips the log-probability gives way to the clipped importance ratio `p_t / p_old_t` (Schulman et al. 2017,
    equation 7), which lets a batch serve for several steps; at the first step both have the same gradient.

    Args:
        log_probs: (tokens,) under the current policy, of all programs one after another; gradients flow to it.
        old_log_probs: (tokens,) under the policy that drew the tokens.
        gains: (tokens,) the advantage of the token's program times the token's weight, `A q_t`.
        clip_low: the ratio counts down to `1 - clip_low`; None for no ratio.
        clip_high: and up to `1 + clip_high`.
        normaliser: what the sum is divided by: 1 for the paper's sum over t, the number of tokens for the official
            code's mean.
    """
    for name, tensor in (("old_log_probs", old_log_probs), ("gains", gains)):
        _check(tensor.shape == log_probs.shape and tensor.ndim == 1, name, tensor.shape, log_probs.shape)
    if (clip_low is None) != (clip_high is None):
        raise ValueError(f"give both clips or none, not clip_low={clip_low!r} and clip_high={clip_high!r}")
    if clip_low is None or clip_high is None:
        return -(gains * log_probs).sum() / normaliser
    ratio = (log_probs - old_log_probs).exp()
    return -torch.minimum(gains * ratio, gains * ratio.clamp(1 - clip_low, 1 + clip_high)).sum() / normaliser


def pool_states(states: Tensor, mask: Tensor) -> Tensor:
    """Return the maximum of each feature over the places that hold tokens, (programs, d_model) (section 3.3.3).

    Args:
        states: (programs, tokens, d_model).
        mask: (programs, tokens), true for tokens; every program has at least one.
    """
    _check(states.shape[:2] == mask.shape, "mask", mask.shape, states.shape[:2])
    return states.masked_fill(~mask[..., None], float("-inf")).amax(1)


def outcome_loss(class_logits: Tensor, outcomes: Tensor) -> Tensor:
    """Return the critic's loss of each program, `-log p(u | W, D)` (equation 9), (programs,).

    Args:
        class_logits: (programs, classes).
        outcomes: (programs,), the class of each: `Outcome.index`, or whether it passed.
    """
    _check(class_logits.ndim == 2 and class_logits.shape[:1] == outcomes.shape, "outcomes", outcomes.shape, "programs")
    return F.cross_entropy(class_logits, outcomes, reduction="none")


def token_outcome_loss(token_logits: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Return `-log p(u | w_1..t, D)` of each program, averaged over its tokens, (programs,).

    Not in the paper, where only the pooled prediction is trained and single states are read all the same. With this
    loss the value at a token is the probability of the outcome given the program up to there.

    Args:
        token_logits: (programs, tokens, classes).
        labels: (programs,).
        mask: (programs, tokens), true for tokens; every program has at least one.
    """
    _check(token_logits.shape[:2] == mask.shape, "mask", mask.shape, token_logits.shape[:2])
    _check(token_logits.shape[:1] == labels.shape, "labels", labels.shape, token_logits.shape[:1])
    wanted = labels[:, None].expand(mask.shape)
    losses = F.cross_entropy(token_logits.flatten(0, 1), wanted.flatten(), reduction="none").view(mask.shape)
    return (losses * mask).sum(1) / mask.sum(1)


def token_values(token_logits: Tensor, outcomes: Tensor) -> Tensor:
    """Return `q_t`: at each token the critic's probability of the outcome that came true (section 3.3.3).

    Args:
        token_logits: (programs, tokens, 4).
        outcomes: (programs,), `Outcome.index` of each.

    Returns:
        (programs, tokens), without gradient.
    """
    _check(token_logits.shape[:1] == outcomes.shape, "outcomes", outcomes.shape, token_logits.shape[:1])
    probabilities = token_logits.detach().softmax(-1)
    index = outcomes[:, None, None].expand(-1, token_logits.shape[1], 1)
    return probabilities.gather(-1, index).squeeze(-1)


def _check(fits: bool, name: str, shape: object, expected: object) -> None:
    if not fits:
        raise ValueError(f"{name} has shape {tuple(shape) if isinstance(shape, torch.Size) else shape}, not {expected}")
