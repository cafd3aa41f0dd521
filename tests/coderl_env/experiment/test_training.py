"""Training runs: the configuration, and the loop for agents that bring none of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coderl_env.agent import Program
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train


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
