"""The general forward pass against transformers' own, for both architectures; adapters; clear errors."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from coderl_agents.codet5.network import Network
from coderl_agents.codet5.sampler import Request, draw, pad_prompts
from coderl_agents.policy_gradient.adapters import add_adapters, has_adapters, merged
from coderl_agents.policy_gradient.network import TransformersNetwork, check_head, network_for

KINDS = ["llama", "gpt2", "bart", "t5"]
PROMPTS = [[5, 9, 7, 11, 6], [8, 10], [12, 13, 14, 15, 16, 17, 18, 19, 20]]
VOCABULARY = 48


def own_logits(model: PreTrainedModel, prompt: list[int], program: list[int], start: int) -> Tensor:
    """Return transformers' logits (tokens, vocabulary) of a program after its prompt, without any padding."""
    with torch.inference_mode():
        if model.config.is_encoder_decoder:
            inputs = torch.tensor([[start, *program[:-1]]])
            found: Tensor = model(input_ids=torch.tensor([prompt]), decoder_input_ids=inputs).logits[0]
            return found
        whole = model(input_ids=torch.tensor([[*prompt, *program[:-1]]])).logits[0]
        return whole[len(prompt) - 1 :]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_programs_have_the_logits_of_transformers(kind: str, make_tiny: Any) -> None:
    model = make_tiny(kind)
    network = TransformersNetwork(model)
    programs = [[[21, 22, 23], [24, 25, 26]], [[27, 28, 29], [30, 31, 32]], [[33, 34, 35], [36, 37, 38]]]
    ids, mask = pad_prompts(PROMPTS, 0, network.device)
    inputs = torch.tensor([[[network.start_id, *program[:-1]] for program in group] for group in programs])
    with torch.inference_mode():
        logits = network.logits(network.decode(network.encode(ids, mask), inputs))
    for place, group in enumerate(programs):
        for number, program in enumerate(group):
            expected = own_logits(model, PROMPTS[place], program, network.start_id)
            torch.testing.assert_close(logits[place, number], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_programs_have_the_log_probabilities_of_transformers(kind: str, make_tiny: Any) -> None:
    """Step by step with a cache, with forced prefixes and rows that leave the batch."""
    model = make_tiny(kind)
    network = TransformersNetwork(model)
    allowed = torch.ones(VOCABULARY, dtype=torch.bool)
    requests = [Request(tuple(PROMPTS[0])), Request(tuple(PROMPTS[1]), (40, 41)), Request(tuple(PROMPTS[2]))]
    drawn = draw(network, requests, 6, allowed=allowed, end_id=1, pad_id=0, max_tokens=9, temperature=1.5, seed=3)
    lengths = set()
    for request, group in zip(requests, drawn, strict=True):
        for program in group:
            lengths.add(len(program.token_ids))
            tokens = [*request.prefix, *program.token_ids]
            logits = own_logits(model, list(request.prompt), tokens, network.start_id)
            own = logits.log_softmax(-1)[range(len(tokens)), tokens][len(request.prefix) :]
            assert program.log_probs == pytest.approx(own.tolist(), abs=1e-3)
    assert len({program.token_ids for group in drawn for program in group}) > 6
    assert len(lengths) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_drawing_converts_are_those_of_the_day(kind: str, make_tiny: Any) -> None:
    """In bfloat16 they are converted once for each call of `draw`, not once for all."""
    model = make_tiny(kind)
    allowed = torch.ones(VOCABULARY, dtype=torch.bool)

    def drawn(network: Any) -> list[tuple[float, ...]]:
        requests = [Request(tuple(prompt)) for prompt in PROMPTS]
        groups = draw(network, requests, 2, allowed=allowed, end_id=1, pad_id=0, max_tokens=6, temperature=1.0, seed=5)
        for prompt, group in zip(PROMPTS, groups, strict=True):
            for program in group:
                logits = own_logits(model, prompt, list(program.token_ids), network.start_id)
                own = logits.softmax(-1)[range(len(program.token_ids)), program.token_ids]
                torch.testing.assert_close(torch.tensor(program.log_probs).exp(), own, atol=0.1, rtol=0.1)
        return [program.log_probs for group in groups for program in group]

    network = network_for(model, torch.bfloat16)
    before = drawn(network)
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(0.5)
    after = drawn(network)
    assert after != before
    assert after == drawn(network_for(copy.deepcopy(model), torch.bfloat16))
    assert not any("forward" in vars(part) for part in model.modules())
    assert {value.dtype for value in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["llama", "bart"])
def test_greedy_programs_are_those_of_generate(kind: str, make_tiny: Any) -> None:
    model = make_tiny(kind)
    model.generation_config.pad_token_id = 0
    network = TransformersNetwork(model)
    allowed = torch.ones(VOCABULARY, dtype=torch.bool)
    requests = [Request(tuple(prompt)) for prompt in PROMPTS]
    drawn = draw(network, requests, 1, allowed=allowed, end_id=1, pad_id=0, max_tokens=8, temperature=0)
    for prompt, (program,) in zip(PROMPTS, drawn, strict=True):
        found = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=8,
            do_sample=False,
            eos_token_id=1,
        )[0].tolist()
        assert list(program.token_ids) == (found[1:] if model.config.is_encoder_decoder else found[len(prompt) :])


def test_the_lean_pass_is_used_where_it_sees_all_weights(make_tiny: Any) -> None:
    model = make_tiny("t5")
    assert isinstance(network_for(model), Network)
    assert isinstance(network_for(make_tiny("llama")), TransformersNetwork)
    pytest.importorskip("peft")
    add_adapters(model, 2, 0)
    assert isinstance(network_for(model), TransformersNetwork)


def test_bfloat16_is_close_and_leaves_the_weights_alone(make_tiny: Any) -> None:
    model = make_tiny("llama")
    ids, mask = pad_prompts(PROMPTS, 0, torch.device("cpu"))
    inputs = torch.full((3, 1, 4), 7)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        network = TransformersNetwork(model, dtype)
        with torch.inference_mode():
            found.append(network.logits(network.decode(network.encode(ids, mask), inputs)).softmax(-1))
    assert found[1].dtype == torch.float32
    assert not torch.equal(found[0], found[1])
    torch.testing.assert_close(found[0], found[1], atol=0.1, rtol=0.1)
    assert {value.dtype for value in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["llama", "bart", "t5"])
def test_adapters_alone_are_trained_and_fold_into_the_weights(kind: str, make_tiny: Any) -> None:
    pytest.importorskip("peft")
    model = make_tiny(kind)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    add_adapters(model, 2, seed=0)
    assert has_adapters(model)
    trained = [name for name, value in model.named_parameters() if value.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.normal_()
    plain = merged(model)
    assert not has_adapters(plain)
    assert plain.state_dict().keys() == before.keys()
    assert any(not torch.equal(plain.state_dict()[name], value) for name, value in before.items())
    ids, mask = pad_prompts(PROMPTS, 0, torch.device("cpu"))
    inputs = torch.full((3, 1, 3), 7)
    with torch.inference_mode():
        one, other = (
            network.logits(network.decode(network.encode(ids, mask), inputs))
            for network in (TransformersNetwork(model.eval()), TransformersNetwork(plain.eval()))
        )
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_model_that_changes_its_logits_is_refused(make_tiny: Any) -> None:
    for kind in KINDS:
        check_head(make_tiny(kind), kind)
    model = make_tiny("llama")
    original = model.forward

    def capped(*arguments: Any, **named: Any) -> Any:
        output = original(*arguments, **named)
        output.logits = 2.0 * torch.tanh(output.logits / 2.0)
        return output

    model.forward = capped
    with pytest.raises(ValueError, match=r"the model 'capped' \(LlamaForCausalLM\) changes its logits"):
        check_head(model, "capped")
