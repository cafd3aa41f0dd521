"""Losses against their definitions and autograd."""

from __future__ import annotations

import math

import pytest
import torch

from coderl_agents.policy_gradient.losses import kl_estimates, value_loss


def test_the_kl_estimate_has_the_right_mean_and_is_never_negative() -> None:
    torch.manual_seed(0)
    policy, reference = torch.randn(5).log_softmax(0), torch.randn(5).log_softmax(0)
    exact = float((policy.exp() * (policy - reference)).sum())
    each = kl_estimates(policy, reference)
    assert float((policy.exp() * each).sum()) == pytest.approx(exact, rel=1e-5)
    assert bool((each >= 0).all())
    assert kl_estimates(policy, policy).tolist() == [0.0] * 5


def test_the_kl_estimate_stays_finite_far_away() -> None:
    log_probs = torch.tensor([-200.0], requires_grad=True)
    loss = kl_estimates(log_probs, torch.zeros(1)).sum()
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert log_probs.grad is not None
    assert math.isfinite(float(log_probs.grad))


def test_the_value_loss_takes_the_larger_error() -> None:
    values = torch.tensor([0.5, 1.0, -1.0], requires_grad=True)
    old, returns = torch.tensor([0.0, 0.0, -0.9]), torch.tensor([1.0, 1.0, 0.0])
    weights = torch.tensor([1.0, 2.0, 1.0])
    # Clipped values: 0.2, 0.2, -1.0.
    expected = 0.5 * (1 * 0.8**2 + 2 * 0.8**2 + 1 * 1.0**2) / 4
    loss = value_loss(values, old, returns, weights, clip=0.2, normaliser=4.0)
    assert float(loss.detach()) == pytest.approx(expected)
    loss.backward()
    # A value that has moved far enough towards its return is not pushed further.
    assert values.grad is not None
    assert values.grad[:2].tolist() == [0.0, 0.0]
    assert values.grad[2] < 0


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="reference has shape"):
        kl_estimates(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="returns has shape"):
        value_loss(torch.zeros(3), torch.zeros(3), torch.zeros(2), torch.ones(3), clip=0.2, normaliser=1.0)
