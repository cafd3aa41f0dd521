"""A model of CodeT5-small's true size, with random weights, takes steps of every stage on real APPS problems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from coderl_agents.codet5 import make
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.registry import AgentSpec
from coderl_env.tokens import load_tokenizer


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_size_is_that_of_the_published_checkpoint(shared_data: Path) -> None:
    tokenizer = load_tokenizer(str(shared_data / "codet5_tokenizer"))
    model = make(AgentSpec(tokenizer), model="small").model
    assert model.config.vocab_size == 32_104
    # Published with a vocabulary of 32,100; ours is the next multiple of eight.
    assert model.num_parameters() == 60_492_288 + 4 * 512


@pytest.mark.slow
def test_two_steps_on_apps(shared_data: Path, tmp_path: Path) -> None:
    config = TrainConfig.from_dict(
        {
            "env": "CodeRL-APPS-v0",
            "data_dir": str(shared_data / "apps"),
            "tokenizer": str(shared_data / "codet5_tokenizer"),
            "settings": {
                "model": "small",
                "recipe": "learned",
                "stages": ["warm_start", "critic", "rl", "ce_continued"],
                "batch_size": 2,
                "ce_batch": 1,
                "critic_updates": 1,
                "critic_lessons": 1,
                "critic_spread": 1,
                "critic_batch": 2,
            },
            "max_prompt_tokens": 256,
            "max_program_tokens": 24,
            "judge_workers": 1,
            "threads": 1,
            "demonstrations": 10,
            "validation_problems": 1,
            "warm_start_seconds": None,
            "warm_start_steps": 2,
            "critic_seconds": None,
            "critic_steps": 2,
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
    assert {name: stage["steps"] for name, stage in summary["stages"].items() if "steps" in stage} == {
        "warm_start": 2,
        "critic": 2,
        "rl": 2,
        "ce_continued": 2,
    }
    assert summary["dataset"]["name"] == "apps"
