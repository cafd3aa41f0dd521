"""Drawing programs: equal to transformers' when greedy, in distribution when sampled, and reproducible."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from coderl_agents.codet5.network import Network
from coderl_agents.codet5.sampler import Request, allowed_tokens, choose, draw, pad_prompts

END = 2
ALLOWED = allowed_tokens(20, 24, frozenset({0, 1, 2, 3}), END)
COMMON = {"allowed": ALLOWED, "end_id": END, "pad_id": 0}


@pytest.fixture(scope="module")
def network() -> Network:
    config = T5Config(
        vocab_size=24,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.5,  # must be off while drawing
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        # Opinions, and an end that comes now and then.
        model.shared.weight.mul_(1.5)
        model.shared.weight[END] *= 4.0
    return Network(model.train())


def requests(count: int, seed: int = 0) -> list[Request]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 15, (count,), generator=generator).tolist()
    return [Request(tuple(torch.randint(4, 20, (length,), generator=generator).tolist())) for length in lengths]


def test_allowed_tokens() -> None:
    assert ALLOWED.tolist() == [False, False, True, False, *[True] * 16, *[False] * 4]


def test_greedy_equals_transformers(network: Network) -> None:
    asked = requests(12)
    found = draw(network, asked, 1, max_tokens=14, temperature=0.0, **COMMON)
    ids, mask = pad_prompts([request.prompt for request in asked], 0, torch.device("cpu"))
    network.model.eval()
    expected = network.model.generate(
        ids,
        attention_mask=mask.long(),
        max_new_tokens=14,
        do_sample=False,
        num_beams=1,
        suppress_tokens=(~ALLOWED).nonzero().squeeze(1).tolist(),
        eos_token_id=END,
        pad_token_id=0,
    )
    network.model.train()
    ended = 0
    for row, (program,) in enumerate(found):
        tokens = expected[row, 1:].tolist()
        tokens = tokens[: tokens.index(END) + 1] if END in tokens else tokens
        assert list(program.token_ids) == tokens
        ended += END in tokens
    assert 0 < ended < 12  # both kinds of ending are covered


def test_programs_end_with_the_end_token_or_fill_the_window(network: Network) -> None:
    found = draw(network, requests(6), 9, max_tokens=10, seed=1, **COMMON)
    assert [len(group) for group in found] == [9] * 6
    for program in (program for group in found for program in group):
        assert len(program.log_probs) == len(program.token_ids)
        assert END not in program.token_ids[:-1]
        assert program.token_ids[-1] == END or len(program.token_ids) == 10
        assert all(ALLOWED[token] for token in program.token_ids)


def test_equal_seeds_give_equal_programs_and_other_seeds_others(network: Network) -> None:
    first, again, other = (draw(network, requests(5), 4, max_tokens=12, seed=seed, **COMMON) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_the_models_mode_is_put_back(network: Network) -> None:
    draw(network, requests(1), 1, max_tokens=2, **COMMON)
    assert network.model.training


@pytest.mark.parametrize("max_rows", [1, 7, 512])
def test_log_probs_are_those_of_the_policy_at_temperature_one(network: Network, max_rows: int) -> None:
    asked = requests(4)
    found = draw(network, asked, 5, max_tokens=12, temperature=0.5, top_p=0.9, seed=2, max_rows=max_rows, **COMMON)
    network.model.eval()
    for request, group in zip(asked, found, strict=True):
        for program in group:
            inputs = torch.tensor([[[0, *program.token_ids[:-1]]]])
            ids, mask = pad_prompts([request.prompt], 0, torch.device("cpu"))
            with torch.no_grad():
                logits = network.logits(network.decode(network.encode(ids, mask), inputs))[0, 0]
            expected = logits.masked_fill(~ALLOWED, float("-inf")).log_softmax(-1)
            expected = expected.gather(1, torch.tensor(program.token_ids)[:, None]).squeeze(1)
            torch.testing.assert_close(torch.tensor(program.log_probs), expected, rtol=1e-3, atol=1e-4)
    network.model.train()


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_first_tokens_follow_the_models_distribution(network: Network, temperature: float) -> None:
    (asked,) = requests(1, seed=5)
    (found,) = draw(network, [asked], 6000, max_tokens=1, temperature=temperature, seed=0, max_rows=6000, **COMMON)
    counts = torch.bincount(torch.tensor([program.token_ids[0] for program in found]), minlength=24) / 6000
    ids, mask = pad_prompts([asked.prompt], 0, torch.device("cpu"))
    network.model.eval()
    with torch.no_grad():
        logits = network.logits(network.decode(network.encode(ids, mask), torch.zeros(1, 1, 1, dtype=torch.long)))
    network.model.train()
    expected = (logits[0, 0, 0].masked_fill(~ALLOWED, float("-inf")) / temperature).softmax(-1)
    # Four standard errors of the largest share.
    assert (counts - expected).abs().max() < 4 * (0.25 / 6000) ** 0.5


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().expand(2000, 4).clone()
    uniform = torch.rand(2000, generator=torch.Generator().manual_seed(0))
    tokens, log_probs = choose(logits, torch.ones(4, dtype=torch.bool), uniform, 1.0, 0.7)
    assert set(tokens.tolist()) == {0, 1}
    assert (tokens == 0).float().mean().item() == pytest.approx(0.5 / 0.8, abs=0.05)
    # The log-probability is the policy's, not the nucleus's.
    assert log_probs[tokens == 0][0].exp().item() == pytest.approx(0.5, rel=1e-4)


def test_extreme_draws_stay_among_the_allowed() -> None:
    logits = draw_logits = torch.zeros(3, 6)
    uniform = torch.tensor([0.0, 0.5, 1.0 - 2**-24])
    allowed = torch.tensor([False, True, False, True, True, False])
    tokens, _ = choose(draw_logits, allowed, uniform, 1.0, 1.0)
    assert logits is draw_logits
    assert all(allowed[token] for token in tokens.tolist())


def test_forced_prefixes_are_played_and_left_out(network: Network) -> None:
    plain = requests(3, seed=4)
    asked = [Request(plain[0].prompt, (7, 8, 9)), plain[1], Request(plain[2].prompt, (11,))]
    found = draw(network, asked, 2, max_tokens=8, temperature=0.0, **COMMON)
    network.model.eval()
    for request, group in zip(asked, found, strict=True):
        tokens: list[int] = list(request.prefix)
        ids, mask = pad_prompts([request.prompt], 0, torch.device("cpu"))
        with torch.no_grad():
            memory = network.encode(ids, mask)
            while len(tokens) < 8 and END not in tokens:
                logits = network.logits(network.decode(memory, torch.tensor([[[0, *tokens]]])))[0, 0, -1]
                tokens.append(int(logits.masked_fill(~ALLOWED, float("-inf")).argmax()))
        assert list(group[0].token_ids) == tokens[len(request.prefix) :]
        assert len(group[0].log_probs) == len(group[0].token_ids)
    network.model.train()
