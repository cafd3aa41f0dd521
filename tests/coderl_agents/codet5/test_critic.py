"""The critic: what it reads, what it ignores, and that it can learn."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from coderl_agents.codet5.critic import CODE, Critic, CriticForm
from coderl_agents.codet5.losses import outcome_loss
from coderl_agents.codet5.network import Network


def backbone() -> Network:
    config = T5Config(
        vocab_size=24,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        dropout_rate=0.0,
        decoder_start_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Network(T5ForConditionalGeneration(config))


def opinionated(**settings: str) -> Critic:
    """Return a critic whose head knows something already."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        critic = Critic(backbone(), CriticForm(**settings), window=12)
    last = critic.head if isinstance(critic.head, torch.nn.Linear) else critic.head[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.copy_(torch.randn(last.weight.shape, generator=torch.Generator().manual_seed(1)))
    return critic


def read(critic: Critic, program: list[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return class logits (4,) and token logits (tokens, 4) of a program padded to `width`."""
    ids = torch.tensor([[5, 6, 7]])
    memory = critic.network.encode(ids, torch.ones_like(ids, dtype=torch.bool))
    padding = width - len(program)
    labels = torch.tensor([[program + [-100] * padding]])
    inputs = torch.tensor([[[0, *program[:-1]] + [0] * padding]])
    with torch.no_grad():
        class_logits, token_logits = critic(memory, inputs, labels, labels != -100)
    return class_logits[0], token_logits[0, : len(program)]


@pytest.mark.parametrize("pooling", ["states", "logits"])
@pytest.mark.parametrize("reads", ["token", "prefix"])
@pytest.mark.parametrize("padding", ["masked", "read"])
def test_the_width_of_the_batch_changes_nothing(pooling: str, reads: str, padding: str) -> None:
    critic = opinionated(pooling=pooling, reads=reads, padding=padding)
    for short, long in zip(read(critic, [8, 9, 2], 3), read(critic, [8, 9, 2], 9), strict=True):
        torch.testing.assert_close(short, long, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("reads", "sees_it"), [("token", True), ("prefix", False)])
def test_whether_a_value_has_seen_its_own_token(reads: str, sees_it: bool) -> None:
    critic = opinionated(reads=reads)
    first = read(critic, [8, 9, 2], 3)[1][1]
    other = read(critic, [8, 10, 2], 3)[1][1]
    assert torch.equal(first, other) is not sees_it


def test_states_are_pooled_before_the_head_and_logits_after() -> None:
    states, logits = opinionated(pooling="states"), opinionated(pooling="logits")
    class_logits, token_logits = read(logits, [8, 9, 2], 3)
    torch.testing.assert_close(class_logits, token_logits.amax(0))
    assert not torch.allclose(read(states, [8, 9, 2], 3)[0], class_logits)


def test_reading_the_padding_decides_differently_and_leaves_the_tokens_alone() -> None:
    # Of the paper's form and of the official code's; both critics have the same weights.
    for form in ({"pooling": "states"}, {"pooling": "logits", "reads": "prefix", "head": "mlp"}):
        critics = [opinionated(padding=padding, **form) for padding in ("masked", "read")]
        differing = 0
        for token in range(8, 20):
            masked, padded = (read(critic, [token, 9, 2], 3) for critic in critics)
            differing += not torch.allclose(masked[0], padded[0])
            torch.testing.assert_close(masked[1], padded[1], rtol=1e-4, atol=1e-5)
            # A maximum over more places is no smaller.
            assert form["pooling"] == "states" or (padded[0] >= masked[0] - 1e-5).all()
        assert differing > 3


def test_the_form_of_the_official_code() -> None:
    critic = Critic(backbone(), CODE, window=12)
    assert isinstance(critic.head, torch.nn.Sequential)
    assert [tuple(value.shape) for value in critic.head.parameters()] == [(128, 16), (128,), (4, 128), (4,)]


def test_a_binary_critic_tells_passed_from_everything_else() -> None:
    critic = Critic(backbone(), CriticForm(labels="binary"))
    assert critic.labels(torch.tensor([0, 1, 2, 3])).tolist() == [0, 0, 0, 1]
    assert read(critic, [8, 9, 2], 3)[1].shape == (3, 2)
    assert Critic(backbone()).labels(torch.tensor([0, 1, 2, 3])).tolist() == [0, 1, 2, 3]


def test_it_begins_without_an_opinion() -> None:
    for form in (None, CODE):
        assert (read(Critic(backbone(), form, window=12), [8, 9, 2], 3)[0].softmax(-1) == 0.25).all()


def test_it_learns_what_decides() -> None:
    critic = Critic(backbone())
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    ids = torch.tensor([[5, 6, 7]])
    programs = torch.tensor([[[8, 9, 2], [8, 10, 2], [11, 9, 2], [11, 10, 2]]])
    outcomes = torch.tensor([0, 1, 2, 3])
    inputs = torch.cat([torch.zeros(1, 4, 1, dtype=torch.long), programs[..., :-1]], -1)
    mask = torch.ones_like(programs, dtype=torch.bool)
    for _ in range(150):
        memory = critic.network.encode(ids, torch.ones_like(ids, dtype=torch.bool))
        loss = outcome_loss(critic(memory, inputs, programs, mask)[0], outcomes).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2


@pytest.mark.parametrize(
    "setting", [{"pooling": "mean"}, {"reads": "future"}, {"padding": "no"}, {"head": "big"}, {"labels": "three"}]
)
def test_unknown_names_are_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown critic"):
        CriticForm(**setting)
