"""What goes wrong while training: judge failures, infinite gradients, equal outcomes, a crash at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import coderl_agents.codet5.model as model_module
from coderl_agents.codet5 import actor_critic, supervised
from coderl_agents.codet5.stages import UNSOUND, DivergedError
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
from coderl_env.judge import Judge, JudgeError
from coderl_env.outcome import Judgement
from coderl_env.problem import Problem

TINY = {"d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 1, "dropout_rate": 0.1}


@pytest.fixture(autouse=True)
def tiny_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(model_module.FRESH, "tiny", TINY)
    for picture in ("confusion_png", "reliability_png", "programs_png"):  # drawn in test_inspect_critic.py
        monkeypatch.setattr(f"coderl_agents.codet5.inspect_critic.{picture}", lambda *_: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small(**changes: Any) -> TrainConfig:
    settings = {
        "recipe": "learned",
        "model": "fresh:tiny",
        "precision": "float32",
        "batch_size": 4,
        "ce_batch": 2,
        "critic_batch": 3,
        "critic_updates": 2,
        "critic_spread": 3,
        "critic_lessons": 2,
        "repair_updates": 1,
    }
    values: dict[str, Any] = {
        "settings": settings | changes.pop("settings", {}),
        "difficulties": ("1",),
        "max_program_tokens": 8,
        "judge_workers": 1,
        "demonstrations": 40,
        "validation_problems": 2,
        "problems_per_step": 2,
        "samples_per_step": 3,
        "eval_problems": 1,
        "eval_samples": 2,
        "critic_sampling_budget": 2,
        "checkpoint_seconds": 0.0,
    }
    for stage in ("warm_start", "critic", "rl", "critic_sampling"):
        values |= {f"{stage}_seconds": None, f"{stage}_steps": 2}
    return TrainConfig.from_dict(values | changes)


def run(config: TrainConfig, folder: Path) -> dict[str, Any]:
    with RunFolder.open(folder, config.to_dict()) as opened:
        return train(config, opened)


def metrics(folder: Path, config: TrainConfig, stage: str) -> list[dict[str, Any]]:
    with RunFolder.open(folder, config.to_dict()) as opened:
        return opened.metrics(stage)


def weights(folder: Path, row: str) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / row / "model.safetensors")


def break_judge(monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    """Let judging fail for each `every`-th program of train and validation problems."""
    original = Judge.submit
    seen = 0

    def submit(judge: Judge, program: str, problem: Problem) -> Future[Judgement]:
        nonlocal seen
        if problem.id.split("/")[1] != "test":
            seen += 1
            if seen % every == 0:
                broken: Future[Judgement] = Future()
                broken.set_exception(JudgeError("no worker"))
                return broken
        return original(judge, program, problem)

    monkeypatch.setattr(Judge, "submit", submit)


@pytest.mark.slow
def test_what_was_not_judged_is_reported_and_scored_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_judge(monkeypatch, 4)
    config = small()
    run(config, tmp_path / "run")
    lost = [line.get("lost", 0.0) for line in metrics(tmp_path / "run", config, "rl")]
    assert sum(lost) > 0
    with RunFolder.open(tmp_path / "run", config.to_dict()) as opened:
        # 2 steps of 2 problems with 3 programs and a greedy one; those of lost problems are not there.
        assert sum(1 for _ in opened.samples.rows("rl")) == (4 - sum(lost)) * 4


def test_without_any_judgement_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_judge(monkeypatch, 1)
    config = small(settings={"ce_weight": 0.0})
    summary = run(config, tmp_path / "run")
    assert "rl_critic_sampling" in summary["evaluation"]
    assert [line["lost"] for line in metrics(tmp_path / "run", config, "rl")] == [2.0, 2.0]
    # Nothing was learned from what nobody judged.
    expected = weights(tmp_path / "run", "warm_start")
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "run", "rl").items())


def test_equal_outcomes_teach_nothing(tmp_path: Path) -> None:
    # A program of random tokens passes nothing: the binary reward is 0 for all.
    config = small(
        reward="binary",
        settings={"stages": ["rl"], "baseline": "group", "weighting": "uniform", "ce_weight": 0.0},
    )
    run(config, tmp_path / "run")
    assert [line["useful"] for line in metrics(tmp_path / "run", config, "rl")] == [0.0, 0.0]
    expected = weights(tmp_path / "run", "warm_start")
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "run", "rl").items())


def test_a_loss_that_is_not_finite_is_reported_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = actor_critic.policy_loss
    monkeypatch.setattr(actor_critic, "policy_loss", lambda *args, **kwargs: original(*args, **kwargs) * float("nan"))
    config = small(settings={"stages": ["rl"], "baseline": "none", "weighting": "uniform"})
    run(config, tmp_path / "run")
    assert [line[UNSOUND] for line in metrics(tmp_path / "run", config, "rl")] == [1.0, 1.0]
    expected = weights(tmp_path / "run", "warm_start")
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "run", "rl").items())


def test_a_stage_beyond_help_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = supervised.cross_entropy
    monkeypatch.setattr(supervised, "cross_entropy", lambda *args: original(*args) * float("inf"))
    config = small(warm_start_steps=50, validation_problems=0, settings={"stages": ["warm_start"]})
    with pytest.raises(DivergedError, match="stage warm_start stopped: in its last 20 steps no gradient was finite"):
        run(config, tmp_path / "run")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(model_module.FRESH, "tiny", TINY)
        run(small(), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "moment"),
    [("critic", "log"), ("rl", "log"), ("rl", "finish_stage"), ("sampling_critic", "finish_stage"), ("repair", "log")],
)
def test_a_run_that_died_goes_on_to_the_same_weights(
    stage: str, moment: str, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(RunFolder, moment)

    def die(folder: RunFolder, name: str, *args: Any) -> Any:
        if name == stage and (moment == "finish_stage" or args[0] == 2):
            raise SystemError("killed")
        return original(folder, name, *args)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, moment, die)
        with pytest.raises(SystemError):
            run(small(), tmp_path / "run")
    run(small(), tmp_path / "run")
    for row in ("rl", "rl_critic_sampling"):
        expected = weights(straight, row)
        assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "run", row).items()), row
    for file in ("critic.pt", "repair.pt"):
        expected, found = (
            torch.load(folder / "checkpoints" / "rl_critic_sampling" / file, weights_only=True)
            for folder in (straight, tmp_path / "run")
        )
        key = "critic" if file == "critic.pt" else "model"
        assert all(torch.equal(value, expected[key][name]) for name, value in found[key].items()), file
