"""Training runs: the configuration, and the loop for agents that bring none of their own."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from coderl_env.agent import Program
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import SilentProgress, TrainConfig, train


class Learner:
    """Writes a program that fails until it has learned once."""

    def __init__(self) -> None:
        self.episodes: list = []

    def generate(self, tasks, samples, sampling):
        text = "print(1)" if self.episodes else "print(input("
        return [[Program(text)] * samples for _ in tasks]

    def begin(self, tasks, sampling) -> None: ...

    def act(self, observations, infos): ...

    def learn(self, episodes):
        self.episodes += episodes
        return {"seen": float(len(self.episodes))}

    def save(self, path) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)


SMALL = {
    "difficulties": ["1"],
    "judge_workers": 1,
    "rl_seconds": None,
    "rl_steps": 2,
    "problems_per_step": 3,
    "samples_per_step": 2,
    "eval_problems": 4,
    "eval_samples": 5,
}


def test_a_configuration_survives_json() -> None:
    config = TrainConfig(difficulties=("1", "2"), settings={"model": "nano"})
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert TrainConfig.from_dict({}) == TrainConfig()
    with pytest.raises(ValueError, match="unknown training setting 'sed'; did you mean 'seed'"):
        TrainConfig.from_dict({"sed": 1})
    with pytest.raises(ValueError, match="unknown environment 'CodeRL-Sinth-v0'; did you mean 'CodeRL-Synth-v0'"):
        _ = TrainConfig(env="CodeRL-Sinth-v0").dataset


def test_any_agent_is_trained_and_compared_with_its_beginning(tmp_path: Path) -> None:
    config = TrainConfig.from_dict(SMALL)
    agent = Learner()
    with RunFolder.open(tmp_path / "run", config.to_dict()) as run:
        summary = train(config, run, agent=agent)
        lines = run.metrics("rl")
        recorded = sum(1 for _ in run.samples.rows("rl"))
    assert len(agent.episodes) == recorded == 12
    assert all(episode.task_id.startswith("synth/train/1/") for episode in agent.episodes)
    assert [line["seen"] for line in lines] == [6.0, 12.0]
    assert list(summary["evaluation"]) == ["start", "rl"]
    assert summary["evaluation"]["start"]["outcomes"]["compile_error"] == 20
    assert summary["evaluation"]["rl"]["outcomes"]["compile_error"] == 0
    assert set(summary["gain"]) == {"pass_at_1", "pass_at_5", "greedy"}
    assert summary["judge"]["isolation"] in ("strict", "portable")
    assert summary == json.loads((tmp_path / "run" / "summary.json").read_text())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eval_samples": 0}, "eval_problems and eval_samples must be positive"),
        ({"agent": "codet"}, "unknown agent 'codet'; did you mean 'codet5'"),
        ({"reward": "codrl"}, "unknown reward 'codrl'; did you mean 'coderl'"),
        ({"eval_split": "tset"}, "unknown split of synth 'tset'; did you mean 'test'"),
        ({"difficulties": ["9"]}, "unknown level of synth '9'"),
        ({"rl_steps": None}, "stage 'rl' has no end"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is(changes: dict, words: str, tmp_path: Path) -> None:
    config = TrainConfig.from_dict(SMALL | {"agent": "random"} | changes)
    with RunFolder.open(tmp_path / "run", config.to_dict()) as run, pytest.raises(ValueError, match=words):
        train(config, run)


class Counter(Learner):
    """As `Learner`, by name: counts what it learned from, writes that number, and saves it."""

    def __init__(self, checkpoint: Path | None) -> None:
        super().__init__()
        self.seen = 0 if checkpoint is None else int((checkpoint / "seen").read_text())
        self.asked = 0

    def generate(self, tasks, samples, sampling):
        self.asked += 1  # a state that evaluation changes
        return [[Program(f"print({self.seen}, {self.asked})")] * samples for _ in tasks]

    def learn(self, episodes):
        self.seen += len(episodes)
        return {"seen": float(self.seen)}

    def save(self, path) -> None:
        super().save(path)
        (Path(path) / "seen").write_text(str(self.seen))


class Interrupts(SilentProgress):
    """Stops the run where a stage begins, as if it were killed there."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def start(self, stage, total, unit) -> None:
        if stage == self.stage:
            raise RuntimeError(stage)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("counting_agent")
    module.make = lambda spec: Counter(spec.checkpoint)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "counting_agent", module)
    return "counting_agent:make"


@pytest.mark.parametrize("stage", ["rl", "evaluate rl"])
def test_a_resumed_run_ends_as_one_that_was_never_disturbed(stage: str, counter: str, tmp_path: Path) -> None:
    config = TrainConfig.from_dict(SMALL | {"agent": counter})
    with RunFolder.open(tmp_path / "whole", config.to_dict()) as run:
        train(config, run)
        expected = [(row.stage, row.program, row.outcome) for row in run.samples.rows()]
    with RunFolder.open(tmp_path / "resumed", config.to_dict()) as run:
        with pytest.raises(RuntimeError):
            train(config, run, Interrupts(stage))
        train(config, run)
        assert [(row.stage, row.program, row.outcome) for row in run.samples.rows()] == expected
    assert ("evaluate_rl", "print(12, 2)", "failed_test") in expected


def test_an_agent_can_start_from_a_checkpoint(counter: str, tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "seen").write_text("100")
    config = TrainConfig.from_dict(SMALL | {"agent": counter, "start_from": str(tmp_path / "start")})
    with RunFolder.open(tmp_path / "run", config.to_dict()) as run:
        train(config, run)
        assert [line["seen"] for line in run.metrics("rl")] == [106.0, 112.0]
    missing = replace(config, start_from=str(tmp_path / "nowhere"))
    with (
        RunFolder.open(tmp_path / "other", missing.to_dict()) as run,
        pytest.raises(ValueError, match="nowhere, which is no folder"),
    ):
        train(missing, run)
