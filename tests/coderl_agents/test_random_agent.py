"""The random agent plays what may be played, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from coderl_agents.random_agent import make
from coderl_env.agent import Agent, Sampling
from coderl_env.registry import AgentSpec
from coderl_env.tokens import load_tokenizer

TOKENIZER = load_tokenizer("nano")


def play(seed: int, mode: str = "token", count: int = 3000) -> list:
    agent = make(AgentSpec(TOKENIZER, action_mode=mode))
    agent.begin([], Sampling(seed=seed))
    return agent.act([None] * count, [{}] * count)


def test_it_is_an_agent() -> None:
    assert isinstance(make(AgentSpec(TOKENIZER)), Agent)


def test_tokens_are_playable_equally_likely_and_seeded() -> None:
    decisions = play(1)
    tokens = [decision.action for decision in decisions]
    playable = len(TOKENIZER) - len(TOKENIZER.special_ids) + 1
    assert not set(tokens) & (TOKENIZER.special_ids - {TOKENIZER.eos_id})
    assert all(decision.log_prob == pytest.approx(-np.log(playable)) for decision in decisions)
    assert len(set(tokens)) > 0.5 * playable
    assert tokens == [decision.action for decision in play(1)]
    assert tokens != [decision.action for decision in play(2)]


@pytest.mark.parametrize("mode", ["line", "program"])
def test_text_modes_get_text(mode: str) -> None:
    found = play(0, mode, 50)
    assert all(isinstance(action, str) for action in found)
    assert any("\n" in action for action in found) is (mode == "program")


def test_tokens_need_a_tokenizer() -> None:
    with pytest.raises(ValueError, match="needs the environment's tokenizer"):
        make(AgentSpec(None))
