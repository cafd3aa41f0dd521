"""Tiny models of both architectures, one torch thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)

import coderl_agents.codet5.model as t5_models
from coderl_agents.policy_gradient import models

TINY_T5 = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 1, "dropout_rate": 0.0}
TINY_CAUSAL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
}


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `fresh:tiny` and `fresh:tiny-causal` be models."""
    monkeypatch.setitem(t5_models.FRESH, "tiny", TINY_T5)
    monkeypatch.setitem(models.CAUSAL, "tiny-causal", TINY_CAUSAL)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny(kind: str, vocabulary: int = 48, **changes: Any) -> PreTrainedModel:
    """Return a tiny model with random weights: `llama`, `gpt2`, `bart` or `t5`."""
    torch.manual_seed(0)
    if kind == "llama":
        size = {**TINY_CAUSAL, "num_hidden_layers": 2, "num_key_value_heads": 1}
        # Random weights of the usual size say the same whatever they read.
        return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, initializer_range=0.5, **size, **changes)).eval()
    if kind == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=vocabulary, n_embd=16, n_layer=2, n_head=2, n_positions=128, initializer_range=0.5)
        ).eval()
    if kind == "bart":
        config = BartConfig(
            vocab_size=vocabulary,
            d_model=16,
            encoder_layers=1,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=24,
            decoder_ffn_dim=24,
            max_position_embeddings=128,
            init_std=0.5,
            forced_eos_token_id=None,
        )
        return BartForConditionalGeneration(config).eval()
    config = T5Config(vocab_size=vocabulary, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **TINY_T5)
    return T5ForConditionalGeneration(config).eval()


@pytest.fixture
def make_tiny() -> Any:
    """Return the function that makes tiny models."""
    return tiny
