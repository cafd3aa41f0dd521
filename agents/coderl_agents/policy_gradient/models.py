"""Models of both architectures by name: built fresh, or read from a folder, the Hub or its cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from coderl_agents.codet5.model import FRESH, FRESH_PREFIX, build_model, model_kind, no_bars
from coderl_agents.policy_gradient.network import check_head
from coderl_env.naming import unknown_name
from coderl_env.tokens import Tokenizer

__all__ = ["CAUSAL", "kind_of", "load_any", "open_model"]

# Sizes of decoder-only models that can be made with random weights.
CAUSAL: dict[str, dict[str, Any]] = {
    "causal-nano": {
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
    },
}


def open_model(name: str, tokenizer: Tokenizer, seed: int) -> PreTrainedModel:
    """Return the model that `name` names, in float32.

    Args:
        name: what `coderl_agents.codet5.model.build_model` takes; `fresh:causal-nano`, a decoder-only model with random
            weights; or a folder or Hub name of any encoder-decoder or decoder-only model of transformers.
        tokenizer: decides the vocabulary of a fresh model, and must fit into that of a checkpoint.
        seed: seed of random weights.

    Raises:
        ValueError: the name means nothing, or the checkpoint cannot be used; one sentence says why.
    """
    if name.startswith(FRESH_PREFIX):
        size = name.removeprefix(FRESH_PREFIX)
        if size in CAUSAL:
            return _fresh(CAUSAL[size], tokenizer, seed)
        if size not in FRESH:
            raise ValueError(unknown_name("fresh model", size, [*FRESH, *CAUSAL]))
    if kind_of(name) != "published" or name.startswith(FRESH_PREFIX) or name in ("small", "base", "large"):
        return build_model(name, tokenizer, seed)
    return load_any(name, tokenizer)


def kind_of(name: str) -> str:
    """Return which rates suit the model `name`: a key of `coderl_agents.policy_gradient.settings.RATES`."""
    return "causal" if name.removeprefix(FRESH_PREFIX) in CAUSAL else model_kind(name)


def load_any(name: str | Path, tokenizer: Tokenizer) -> PreTrainedModel:
    """Return the model of a checkpoint folder or Hub name, whatever its architecture.

    Raises:
        ValueError: there is none, it writes no text, its vocabulary is smaller than the tokenizer's, or its weights do
            not fit.
    """
    shown = str(name)
    try:
        config = AutoConfig.from_pretrained(shown)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"no model at {shown!r}: {_first_line(error)}") from error
    size = getattr(config, "vocab_size", 0)
    if size < len(tokenizer):
        raise ValueError(
            f"the checkpoint {shown!r} has a vocabulary of {size}, and the tokenizer {tokenizer.name!r} has "
            f"{len(tokenizer)} tokens; use the tokenizer that the checkpoint was trained with"
        )
    family: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    try:
        with no_bars():
            model: PreTrainedModel = family.from_pretrained(shown, dtype=torch.float32)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"the checkpoint {shown!r} ({config.model_type}) cannot be loaded as a model that writes text: "
            f"{_first_line(error)}"
        ) from error
    check_head(model, shown)
    return model


def _fresh(size: dict[str, Any], tokenizer: Tokenizer, seed: int) -> PreTrainedModel:
    config = LlamaConfig(
        # A multiple of eight, which matrix products like; the surplus is never played.
        vocab_size=-(-len(tokenizer) // 8) * 8,
        pad_token_id=tokenizer.pad_id,
        eos_token_id=tokenizer.eos_id,
        tie_word_embeddings=True,
        **size,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
