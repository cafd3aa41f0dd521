"""Low-rank adapters (LoRA, Hu et al. 2021) by peft: put into a model, and folded into its weights for a checkpoint.

A checkpoint is always a plain model, which every agent can load without peft.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

__all__ = ["add_adapters", "has_adapters", "merged"]


def add_adapters(model: PreTrainedModel, rank: int, seed: int) -> None:
    """Put adapters into all linear layers of `model` but its output; afterwards they alone are trained.

    Args:
        model: changed in place.
        rank: rank of the adapters; their scale is 2.
        seed: seed of their first weights.

    Raises:
        ValueError: peft is not installed, or the model has no linear layers.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise ValueError(
            "lora_rank needs the package peft, which is not installed; install it with: pip install 'coderl-env[peft]'"
        ) from error
    targets = _linear_names(model)
    if not targets:
        raise ValueError(f"{type(model).__name__} has no linear layers to put adapters into; train it with lora_rank 0")
    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=targets, bias="none")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model)


def has_adapters(model: nn.Module) -> bool:
    """Return whether `add_adapters` changed `model`."""
    return any("lora_" in name for name, _ in model.named_parameters())


def merged(model: PreTrainedModel) -> PreTrainedModel:
    """Return a plain model with the adapters folded in; `model` itself where it has none."""
    if not has_adapters(model):
        return model
    plain = type(model)(copy.deepcopy(model.config))
    plain.load_state_dict(_merged_state(model), strict=True)
    return plain.to(next(model.parameters()).device)


def _merged_state(model: PreTrainedModel) -> dict[str, Tensor]:
    with torch.no_grad():
        # A module of peft's, for all that its type says.
        deltas = {
            f"{name}.weight": module.get_delta_weight("default")  # type: ignore[operator]
            for name, module in model.named_modules()
            if hasattr(module, "get_delta_weight") and hasattr(module, "base_layer")
        }
        state = {
            name.replace(".base_layer.", "."): tensor
            for name, tensor in model.state_dict().items()
            if "lora_" not in name
        }
        return {name: tensor + deltas[name] if name in deltas else tensor for name, tensor in state.items()}


def _linear_names(model: PreTrainedModel) -> list[str]:
    output = model.get_output_embeddings()
    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not output
    }
    return sorted(names)
