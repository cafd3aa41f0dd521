"""The lean forward pass computes what transformers' forward computes."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from coderl_agents.codet5.network import Network, _relative_buckets, best_compute_dtype

CONFIGS = {
    "relu": {},
    "gated": {"feed_forward_proj": "gated-gelu"},
    "unscaled": {"tie_word_embeddings": False},
    "one layer": {"num_layers": 1, "num_decoder_layers": 1},
    "d_kv other than d_model / heads": {"d_kv": 5, "num_heads": 3},
    "short range": {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 10},
}


def build(changes: dict[str, object]) -> T5ForConditionalGeneration:
    values: dict[str, object] = {
        "vocab_size": 40,
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 24,
        "num_layers": 2,
        "num_decoder_layers": 3,
        "num_heads": 2,
        "dropout_rate": 0.0,
        "decoder_start_token_id": 0,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return T5ForConditionalGeneration(T5Config(**(values | changes))).eval()


def prompts(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(3, 40, (4, 30), generator=generator)
    mask = torch.arange(30)[None, :] < torch.tensor([30, 21, 7, 1])[:, None]
    return ids.masked_fill(~mask, 0), mask


@pytest.mark.parametrize("name", CONFIGS)
def test_teacher_forcing_equals_transformers(name: str) -> None:
    model = build(CONFIGS[name])
    network = Network(model)
    generator = torch.Generator().manual_seed(0)
    ids, mask = prompts(generator)
    inputs = torch.randint(0, 40, (4, 3, 11), generator=generator)
    with torch.no_grad():
        found = network.logits(network.decode(network.encode(ids, mask), inputs))
        for program in range(3):
            expected = model(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=inputs[:, program]).logits
            torch.testing.assert_close(found[:, program], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_stepping_with_the_cache_equals_teacher_forcing(name: str) -> None:
    network = Network(build(CONFIGS[name]))
    generator = torch.Generator().manual_seed(0)
    ids, mask = prompts(generator)
    inputs = torch.randint(0, 40, (4, 3, 11), generator=generator)
    with torch.inference_mode():
        memory = network.encode(ids, mask)
        expected = network.logits(network.decode(memory, inputs)).flatten(0, 1)  # (rows, tokens, vocabulary)
        cache = network.start(memory, 3, 11)
        for place in range(11):
            found = network.step(cache, inputs[:, :, place].reshape(-1))
            torch.testing.assert_close(found, expected[:, place], rtol=1e-4, atol=1e-4)


def test_a_repacked_cache_goes_on_with_the_rows_that_stayed() -> None:
    network = Network(build({}))
    generator = torch.Generator().manual_seed(0)
    ids, mask = prompts(generator)
    inputs = torch.randint(0, 40, (4, 3, 8), generator=generator)
    with torch.inference_mode():
        memory = network.encode(ids, mask)
        expected = network.logits(network.decode(memory, inputs)).flatten(0, 1)
        cache = network.start(memory, 3, 8)
        for place in range(4):
            network.step(cache, inputs[:, :, place].reshape(-1))
        rows = torch.tensor([11, 9, 2, 0])  # two of prompt 3, then two of prompt 0
        cache.repack(torch.tensor([3, 0]), rows, 2)
        for place in range(4, 8):
            found = network.step(cache, inputs[:, :, place].reshape(-1)[rows])
            torch.testing.assert_close(found, expected[rows, place], rtol=1e-4, atol=1e-4)


def test_gradients_equal_those_of_transformers() -> None:
    model = build({})
    generator = torch.Generator().manual_seed(0)
    ids, mask = prompts(generator)
    labels = torch.randint(3, 40, (4, 9), generator=generator)
    model(input_ids=ids, attention_mask=mask.long(), labels=labels).loss.backward()
    expected = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    network = Network(model)
    inputs = torch.cat([torch.zeros(4, 1, dtype=torch.long), labels[:, :-1]], 1)[:, None]
    logits = network.logits(network.decode(network.encode(ids, mask), inputs))
    torch.nn.functional.cross_entropy(logits.flatten(0, 2), labels.flatten()).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-3, atol=1e-5, msg=name)


def test_padding_changes_nothing() -> None:
    network = Network(build({}))
    ids = torch.randint(3, 40, (1, 6), generator=torch.Generator().manual_seed(0))
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=torch.long)], 1)
    inputs = torch.tensor([[[0, 5, 6]]])
    with torch.no_grad():
        short = network.decode(network.encode(ids, torch.ones(1, 6, dtype=torch.bool)), inputs)
        long = network.decode(network.encode(padded, torch.arange(11)[None] < 6), inputs)
    torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_near_float32() -> None:
    model = build({})
    ids, mask = prompts(torch.Generator().manual_seed(0))
    inputs = torch.zeros(4, 1, 5, dtype=torch.long)
    with torch.no_grad():
        exact, rough = (
            network.logits(network.decode(network.encode(ids, mask), inputs))
            for network in (Network(model), Network(model, torch.bfloat16))
        )
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().max() < 0.2 * exact.abs().max()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_relative_buckets_equal_those_of_transformers(bidirectional: bool) -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    distance = torch.arange(-300, 301)[None]
    found = _relative_buckets(distance, bidirectional=bidirectional, buckets=32, max_distance=128)
    expected = T5Attention._relative_position_bucket(distance, bidirectional, 32, 128)
    assert torch.equal(found, expected)


def test_the_wrong_rank_is_named() -> None:
    network = Network(build({}))
    with pytest.raises(ValueError, match=r"ids must have 2 dimensions, not shape \(3,\)"):
        network.encode(torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.bool))


def test_the_best_data_type_is_one_of_two() -> None:
    assert best_compute_dtype(torch.device("cpu")) in (torch.float32, torch.bfloat16)
