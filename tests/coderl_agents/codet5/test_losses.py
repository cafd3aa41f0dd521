"""Losses against hand-written loops and against autograd."""

from __future__ import annotations

import math

import pytest
import torch

from coderl_agents.codet5 import losses


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


ALLOWED = torch.tensor([False, True, True, True, True])
LABELS = torch.tensor([[[1, 4, 2, -100], [3, 2, -100, -100]]])  # (1 prompt, 2 programs, 4 tokens)


def test_cross_entropy_is_the_mean_over_tokens() -> None:
    logits = draw(1, 2, 4, 5)
    total, count = 0.0, 0
    for program in range(2):
        for token in range(4):
            label = int(LABELS[0, program, token])
            if label >= 0:
                row = logits[0, program, token].tolist()
                total += math.log(sum(math.exp(x) for x in row)) - row[label]
                count += 1
    assert losses.cross_entropy(logits, LABELS).item() == pytest.approx(total / count, rel=1e-5)


def test_cross_entropy_without_tokens_is_zero() -> None:
    assert losses.cross_entropy(draw(1, 2, 5), torch.full((1, 2), -100)).item() == 0.0


def test_token_log_probs_are_of_the_allowed_tokens_only() -> None:
    logits, labels = draw(3, 5), [1, 4, 2]
    found = losses.token_log_probs(logits, torch.tensor(labels), ALLOWED)
    for token, label in enumerate(labels):
        row = logits[token].tolist()
        norm = math.log(sum(math.exp(x) for x in row[1:]))
        assert found[token].item() == pytest.approx(row[label] - norm, rel=1e-4)


def test_token_log_probs_have_finite_gradients_beside_forbidden_tokens() -> None:
    logits = draw(3, 5).requires_grad_()
    losses.token_log_probs(logits, torch.tensor([1, 4, 2]), ALLOWED).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:, 0] == 0).all()


@pytest.mark.parametrize("normaliser", [1.0, 7.0])
def test_policy_loss_without_ratio_is_the_papers_sum(normaliser: float) -> None:
    log_probs, gains = draw(4), draw(4, seed=1)
    total = 0.0
    for token in range(4):
        total -= float(gains[token] * log_probs[token])
    found = losses.policy_loss(log_probs, draw(4, seed=2), gains, normaliser=normaliser)
    assert found.item() == pytest.approx(total / normaliser, rel=1e-5)


def test_policy_loss_clips_as_ppo_does() -> None:
    ratios = [0.5, 0.9, 1.1, 2.0]
    log_probs = torch.tensor([math.log(ratio) for ratio in ratios])
    for gain in (1.0, -1.0):
        expected = 0.0
        for ratio in ratios:
            expected -= min(gain * ratio, gain * min(max(ratio, 0.8), 1.28)) / 4
        found = losses.policy_loss(
            log_probs, torch.zeros(4), torch.full((4,), gain), clip_low=0.2, clip_high=0.28, normaliser=4.0
        )
        assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_first_step_of_both_forms_has_the_same_gradient() -> None:
    gradients = []
    for clips in ({}, {"clip_low": 0.2, "clip_high": 0.2}):
        log_probs = draw(5).requires_grad_()
        losses.policy_loss(log_probs, log_probs.detach(), draw(5, seed=1), normaliser=5.0, **clips).backward()
        gradients.append(log_probs.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_pooling_ignores_padding() -> None:
    states = draw(2, 4, 3)
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    found = losses.pool_states(states, mask)
    torch.testing.assert_close(found[0], states[0, :2].amax(0))
    torch.testing.assert_close(found[1], states[1].amax(0))


def test_outcome_loss_and_token_values_against_loops() -> None:
    class_logits, token_logits = draw(2, 4), draw(2, 3, 4, seed=1)
    outcomes = torch.tensor([3, 1])
    found = losses.outcome_loss(class_logits, outcomes)
    values = losses.token_values(token_logits, outcomes)
    for program in range(2):
        row = class_logits[program].tolist()
        norm = sum(math.exp(x) for x in row)
        expected = -math.log(math.exp(row[outcomes[program]]) / norm)
        assert found[program].item() == pytest.approx(expected, rel=1e-5)
        for token in range(3):
            row = token_logits[program, token].tolist()
            share = math.exp(row[outcomes[program]]) / sum(math.exp(x) for x in row)
            assert values[program, token].item() == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: losses.cross_entropy(draw(2, 3, 5), LABELS), "logits"),
        (lambda: losses.token_log_probs(draw(3, 5), torch.tensor([1, 4, 2]), ALLOWED[1:]), "allowed"),
        (lambda: losses.pool_states(draw(2, 3, 4), torch.ones(2, 4, dtype=torch.bool)), "mask"),
        (lambda: losses.outcome_loss(draw(2, 4), torch.zeros(3, dtype=torch.long)), "outcomes"),
        (lambda: losses.token_values(draw(2, 3, 4), torch.zeros(3, dtype=torch.long)), "outcomes"),
    ],
)
def test_shapes_that_do_not_fit_are_named(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_policy_loss_names_what_does_not_fit() -> None:
    good = {"log_probs": draw(3), "old_log_probs": draw(3), "gains": draw(3), "normaliser": 1.0}
    for name in ("old_log_probs", "gains"):
        with pytest.raises(ValueError, match=name):
            losses.policy_loss(**(good | {name: good[name][:1]}))
    with pytest.raises(ValueError, match="both clips"):
        losses.policy_loss(**good, clip_low=0.2)
