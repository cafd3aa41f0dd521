"""Muon orthogonalises; the optimisers learn, and resume where they were."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from coderl_agents.codet5.optimizers import make_optimizers, orthogonalise


class Blocks(nn.Module):
    """Named as the blocks of a T5 are."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.block = nn.ModuleList([nn.Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False)])
        self.shared = nn.Embedding(5, 6)
        stack = nn.Module()
        stack.block = self.block
        self.encoder = stack
        del self.block
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return sum(linear(self.shared(ids)) for linear in self.encoder.block)


def loss(model: Blocks) -> torch.Tensor:
    return (model(torch.arange(5)) - torch.ones(5, 4)).square().mean()


@pytest.mark.parametrize("shape", [(3, 4, 9), (2, 9, 4), (1, 5, 5)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, int, int]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalise(matrices)
    values = torch.linalg.svdvals(found)
    assert ((values > 0.3) & (values < 1.4)).all()
    # The direction stays: each matrix has a large inner product with its orthogonal polar factor.
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    assert ((found * (u @ v)).sum((1, 2)) / min(shape[1:]) > 0.6).all()


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_the_loss_falls(name: str) -> None:
    model = Blocks()
    optimizers = make_optimizers(model, name, learning_rate=0.05, matrix_rate=0.05, weight_decay=0.0)
    assert len(optimizers.optimizers) == (2 if name == "muon" else 1)
    before = loss(model).item()
    for _ in range(60):
        loss(model).backward()
        optimizers.step()
    assert loss(model).item() < 0.2 * before


def test_a_factor_of_zero_changes_nothing_and_discard_clears() -> None:
    model = Blocks()
    optimizers = make_optimizers(model, "muon", learning_rate=0.1, matrix_rate=0.1, weight_decay=0.1)
    before = copy.deepcopy(model.state_dict())
    loss(model).backward()
    optimizers.step(0.0)
    loss(model).backward()
    optimizers.discard()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_restored_optimiser_takes_the_same_steps(name: str) -> None:
    settings = {"learning_rate": 0.05, "matrix_rate": 0.05, "weight_decay": 0.01}
    model = Blocks()
    optimizers = make_optimizers(model, name, **settings)
    for _ in range(3):
        loss(model).backward()
        optimizers.step()
    other = Blocks()
    other.load_state_dict(model.state_dict())
    restored = make_optimizers(other, name, **settings)
    restored.load_state_dict(copy.deepcopy(optimizers.state_dict()))
    for pair in ((model, optimizers), (other, restored)):
        for _ in range(3):
            loss(pair[0]).backward()
            pair[1].step()
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in model.state_dict().items())
