"""Named configurations: what the paper's tables mean in settings, and that every one of them trains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import coderl_agents.codet5.model as model_module
from coderl_agents.codet5.actor_critic import row_advantages
from coderl_agents.codet5.batches import Example
from coderl_agents.codet5.critic import CODE
from coderl_agents.codet5.experience import Group, Row
from coderl_agents.codet5.recipes import RECIPES
from coderl_agents.codet5.settings import Settings
from coderl_env.agent import Task
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.outcome import Outcome

TINY = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 1, "dropout_rate": 0.0}


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(model_module.FRESH, "tiny", TINY)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config(recipe: str, **settings: Any) -> TrainConfig:
    steps = {f"{stage}_steps": 1 for stage in ("warm_start", "critic", "rl", "critic_sampling")}
    seconds = {name.replace("steps", "seconds"): None for name in steps}
    return TrainConfig(
        settings={"recipe": recipe, "model": "fresh:tiny", "batch_size": 4, "critic_updates": 1, "critic_batch": 2}
        | {"critic_spread": 1, "repair_updates": 1, "stages": ["rl"]}
        | settings,
        difficulties=("1",),
        max_program_tokens=6,
        judge_workers=1,
        demonstrations=20,
        validation_problems=1,
        problems_per_step=1,
        samples_per_step=2,
        eval_problems=1,
        eval_samples=1,
        critic_sampling_budget=1,
        **{**steps, **seconds, "rl_steps": 3},
    )


def run(wanted: TrainConfig, folder: Path) -> list[tuple[int, str, str]]:
    """Return step, task and text of what reinforcement learning drew."""
    with RunFolder.open(folder, wanted.to_dict()) as opened:
        train(wanted, opened)
        return [(sample.step, sample.task_id, sample.program) for sample in opened.samples.rows("rl")]


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_every_recipe_is_made_of_valid_settings(recipe: str) -> None:
    made = Settings.from_dict({"recipe": recipe})
    for name, value in RECIPES[recipe].items():
        assert getattr(made, name) == value
    # What is given beside it wins.
    assert Settings.from_dict({"recipe": recipe, "clip_norm": 3.0, "ce_weight": 0.7}).ce_weight == 0.7
    with pytest.raises(ValueError, match="unknown recipe 'papers'; did you mean 'paper'"):
        Settings.from_dict({"recipe": "papers"})


def test_the_code_recipe_has_the_official_critic() -> None:
    assert Settings.from_dict({"recipe": "code"}).critic_form == CODE


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", ["paper", "code", "no_baseline", "linear_decay", "ce_with_positives", "group_critic"]
)
def test_recipes_train(recipe: str, tmp_path: Path) -> None:
    assert len(run(config(recipe), tmp_path / "run")) >= 6


def test_an_offline_run_uses_its_batches_again(tmp_path: Path) -> None:
    offline = {"rl_source": "warm_start", "rl_batches": 2, "weighting": "uniform", "baseline": "none", "rl_rate": 0.1}
    drawn = run(config("paper", **offline), tmp_path / "run")
    by_step = {step: [(task, text) for at, task, text in drawn if at == step] for step, _, _ in drawn}
    assert by_step[0] == by_step[2] != by_step[1]
    with pytest.raises(ValueError, match="rl_batches must be positive, and needs rl_source 'warm_start'"):
        Settings(rl_batches=2)


def test_positives_are_cross_entropy_on_what_passed() -> None:
    rows = tuple(
        Row(Example((1,), (), (2,)), (0.0,), 1, outcome, reward)
        for outcome, reward in ((Outcome.PASSED, 1.0), (Outcome.FAILED_TEST, -0.3), (Outcome.COMPILE_ERROR, -1.0))
    )
    assert row_advantages(Group(Task("t", ""), rows, None), "positives") == [1.0, 0.0, 0.0]
