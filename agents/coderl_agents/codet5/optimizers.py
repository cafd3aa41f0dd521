"""Optimisers: AdamW, and Muon for the matrices of the blocks with AdamW for the rest.

Muon (Jordan et al. 2024) orthogonalises the momentum of each weight matrix by a Newton-Schulz iteration. A small
transformer trained from nothing needs less than half of AdamW's steps with it. torch has had one since 2.9; this one
works on all matrices of a shape in one batch, which for many small matrices takes half of the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from coderl_agents.codet5.network import best_compute_dtype

__all__ = ["Muon", "Optimizers", "clipped_norm", "make_optimizers", "orthogonalise"]

_BETAS = (0.9, 0.99)
# Coefficients and number of steps of the quintic iteration, from the reference implementation.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def orthogonalise(matrices: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return matrices of about the same singular vectors, all singular values near 1.

    Args:
        matrices: (matrices, rows, columns).
        dtype: data type of the iteration, which forgives bfloat16.
    """
    a, b, c = _QUINTIC
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = x.to(dtype)
    for _ in range(_STEPS):
        gram = x @ x.transpose(1, 2)
        x = a * x + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ x
    x = x.to(matrices.dtype)
    return x if wide else x.transpose(1, 2)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised. For weight matrices only.

    Args:
        parameters: matrices.
        lr: learning rate.
        momentum: Nesterov momentum.
        weight_decay: decoupled weight decay.
        compute_dtype: data type of the orthogonalisation.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        self._compute_dtype = compute_dtype
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    # No overload of the base class returns nothing.
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step. `closure` is not supported."""
        assert closure is None
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
            for shape, parameters in by_shape.items():
                self._step_shape(parameters, shape, group)

    def _step_shape(self, parameters: list[nn.Parameter], shape: tuple[int, ...], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        buffers = []
        for parameter in parameters:
            state = self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            buffers.append(state["momentum"])
        gradients = [parameter.grad for parameter in parameters]
        # The type stubs want tuples of tensors in all of these.
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)  # type: ignore[arg-type]
        directions = torch._foreach_lerp(gradients, buffers, momentum)  # type: ignore[arg-type]
        updates = orthogonalise(torch.stack(list(directions)), self._compute_dtype)
        # Tall matrices get longer steps, so that a step changes the output by about the same in all shapes.
        rate = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])  # type: ignore[arg-type]
        torch._foreach_add_(parameters, list(updates.unbind(0)), alpha=-rate)  # type: ignore[arg-type]


class Optimizers:
    """Several optimisers as one, with one factor on all of their learning rates."""

    def __init__(self, optimizers: list[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        self._rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]

    def step(self, factor: float = 1.0) -> None:
        """Take one step at `factor` times the learning rates, and clear the gradients."""
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def parameters(self) -> list[nn.Parameter]:
        """Return what the optimisers train."""
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        return [parameter for group in groups for parameter in group["params"]]

    def discard(self) -> None:
        """Clear the gradients without a step."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of all."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Set the state of all."""
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)


def clipped_norm(model: nn.Module, limit: float) -> float | None:
    """Clip the gradient to the norm `limit` and return the norm that it had, or None where that is not finite.

    A step along a gradient that is not finite would ruin the weights for good; the caller discards it.
    """
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))
    return norm if math.isfinite(norm) else None


def make_optimizers(
    model: nn.Module, name: str, *, learning_rate: float, matrix_rate: float, weight_decay: float
) -> Optimizers:
    """Return the optimiser `name` for `model`.

    Args:
        model: what is trained.
        name: `adamw` for all parameters, or `muon` for the matrices of the blocks and AdamW for the rest.
        learning_rate: AdamW's.
        matrix_rate: Muon's.
        weight_decay: of both.
    """
    parameters = {key: value for key, value in model.named_parameters() if value.requires_grad}
    if name == "adamw":
        matrices = {}
    else:
        matrices = {key: value for key, value in parameters.items() if _is_block_matrix(key, value)}
    rest = [value for key, value in parameters.items() if key not in matrices]
    optimizers: list[torch.optim.Optimizer] = []
    if rest:
        optimizers.append(
            torch.optim.AdamW(rest, lr=learning_rate, betas=_BETAS, weight_decay=weight_decay, fused=True)
        )
    if matrices:
        dtype = best_compute_dtype(next(iter(matrices.values())).device)
        optimizers.append(Muon(list(matrices.values()), matrix_rate, weight_decay=weight_decay, compute_dtype=dtype))
    return Optimizers(optimizers)


def _is_block_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim == 2 and (".block." in name or ".layers." in name) and "relative_attention_bias" not in name
