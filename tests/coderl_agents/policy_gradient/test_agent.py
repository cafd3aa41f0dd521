"""Making, loading and saving: the protocol, settings, the Hub's cache, and errors in one sentence."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from coderl_agents.policy_gradient import Settings, make
from coderl_agents.policy_gradient.settings import AGENTS, RATES
from coderl_env.agent import Sampling, Task
from coderl_env.registry import AgentSpec, list_agents, make_agent
from coderl_env.testing import check_agent
from coderl_env.tokens import load_tokenizer

TOKENIZER = load_tokenizer("nano")
SPEC = AgentSpec(TOKENIZER, "token", 96, 12)


@pytest.mark.parametrize("model", ["fresh:tiny", "fresh:tiny-causal"])
def test_the_agents_keep_the_protocol(model: str) -> None:
    assert check_agent(partial(make, "rloo"), settings={"model": model}, max_program_tokens=12) == ("token",)


def test_all_four_are_installed() -> None:
    assert set(AGENTS) <= {entry.name for entry in list_agents()}
    for name in AGENTS:
        assert make_agent(name, SPEC, model="fresh:tiny").name == name  # type: ignore[attr-defined]


def test_the_defaults_are_those_that_the_log_measured() -> None:
    expected = {
        "reinforce": ("greedy", -1.0, 1, 0.0),
        "rloo": ("leave_one_out", 0.2, 2, 0.0),
        "grpo": ("group", 0.2, 2, 0.01),
        "ppo": ("gae", 0.2, 2, 0.01),
    }
    for name, values in expected.items():
        found = Settings().completed(name, "nano")
        assert (found.advantage, found.clip_low, found.rl_epochs, found.kl_weight) == values
        assert found.rl_rate == 5e-4
        assert found.optimizer == "muon"
    assert Settings(lora_rank=8).completed("grpo", "published").rl_rate == RATES["adapters"]["rl_rate"]
    assert Settings(rl_rate=1.0).completed("grpo", "published").rl_rate == 1.0
    assert Settings().clip_high == 0.28
    assert Settings().gae_lambda == 0.95


@pytest.mark.parametrize("name", ["codet5", "rloo"])
def test_programs_are_drawn_in_the_precision_that_is_asked_for(name: str) -> None:
    found = {}
    for precision in ("float32", "bfloat16"):
        agent: Any = make_agent(name, SPEC, model="fresh:tiny", sampling_precision=precision)
        assert agent.network.compute_dtype == getattr(torch, precision)
        assert {value.dtype for value in agent.model.parameters()} == {torch.float32}
        found[precision] = agent.generate([Task("t", "Add two numbers.")], 4, Sampling(1.0, 1.0, 0))
    assert found["float32"] != found["bfloat16"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rl_rat": 1}, "unknown setting of agent grpo 'rl_rat'; did you mean 'rl_rate'"),
        ({"advantage": "gea"}, "unknown value of advantage 'gea'; did you mean 'gae'"),
        ({"stages": ["critic"]}, "unknown stage 'critic'"),
        ({"rl_epochs": 0}, "rl_epochs must be positive, not 0"),
        ({"kl_weight": -1}, "kl_weight must be 0 or more, not -1"),
        ({"gae_lambda": 1.5}, "gae_lambda must lie between 0 and 1, not 1.5"),
        ({"model": "fresh:nanoo"}, "unknown fresh model 'nanoo'"),
        ({"model": "/nowhere/at/all"}, "no model at '/nowhere/at/all'"),
    ],
)
def test_wrong_settings_are_one_sentence(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        make("grpo", SPEC, **settings)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_is_needed() -> None:
    with pytest.raises(ValueError, match="agent ppo needs the environment's tokenizer"):
        make("ppo", AgentSpec())


def test_checkpoints_that_do_not_fit_are_one_sentence(tmp_path: Path) -> None:
    agent = make("rloo", SPEC, model="fresh:tiny-causal")
    agent.save(tmp_path / "small")
    config = json.loads((tmp_path / "small" / "config.json").read_text())
    cases = {
        "vocabulary": ({"vocab_size": 10}, "has a vocabulary of 10, and the tokenizer 'nano' has"),
        "shape": ({"hidden_size": 32}, "cannot be loaded as a model that writes text"),
        "kind": ({"model_type": "vit", "vocab_size": 10**6}, "cannot be loaded as a model that writes text"),
        "nonsense": ({"model_type": "nonsense"}, "no model at"),
    }
    for name, (changes, expected) in cases.items():
        (tmp_path / "small" / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(ValueError) as caught:
            make("rloo", SPEC, model=str(tmp_path / "small"))
        assert expected in str(caught.value), name
        assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("model", ["fresh:tiny", "fresh:tiny-causal"])
def test_a_hub_name_is_read_from_the_hubs_cache(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the layout that the Hub's client writes: blobs, a snapshot of links to them, a reference to the snapshot."""
    agent = make("grpo", SPEC, model=model)
    agent.save(tmp_path / "plain")
    home = tmp_path / "hub" / "models--someone--tiny"
    snapshot = home / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0123abcd")
    for number, file in enumerate(sorted((tmp_path / "plain").iterdir())):
        blob = home / "blobs" / f"{number:040x}"
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(blob)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    loaded = make("grpo", SPEC, model="someone/tiny")
    for name, value in agent.model.state_dict().items():
        assert value.equal(loaded.model.state_dict()[name])
    with pytest.raises(ValueError) as caught:
        make("grpo", SPEC, model="someone/absent")
    assert "no model at 'someone/absent'" in str(caught.value)
    assert "\n" not in str(caught.value)
