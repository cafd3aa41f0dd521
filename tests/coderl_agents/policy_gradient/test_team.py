"""Several processes learn together as one: two of them on the CPU, talking through gloo."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from coderl_agents.policy_gradient import make
from coderl_agents.policy_gradient.learning import Learner
from coderl_agents.policy_gradient.team import Team
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig
from coderl_env.experiment.workbench import StageClock
from coderl_env.registry import AgentSpec
from coderl_env.tokens import load_tokenizer

CONFIG: dict[str, Any] = {
    "agent": "ppo",
    "settings": {"stages": ["rl"], "precision": "float32", "rl_rate": 1e-3},
    "difficulties": ["1"],
    "max_program_tokens": 12,
    "judge_workers": 1,
    "threads": 1,
    "rl_seconds": None,
    "rl_steps": 2,
    "problems_per_step": 3,
    "samples_per_step": 4,
    "eval_problems": 1,
    "eval_samples": 1,
    "critic_sampling_budget": 1,
}
SCRIPT = """
import json, sys
from pathlib import Path
from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.training import TrainConfig, train
config = TrainConfig.from_dict(json.loads(sys.argv[1]))
with RunFolder.open(Path(sys.argv[2]), config.to_dict()) as run:
    train(config, run)
"""


def start(config: dict[str, Any], folder: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, json.dumps(config), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, told = process.communicate(timeout=250)
    assert process.returncode == 0, told[-2000:]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    tokenizer = load_tokenizer("nano")
    make("ppo", AgentSpec(tokenizer, "token", 256, 12), model="fresh:tiny").save(tmp_path / "start")
    config = CONFIG | {"start_from": str(tmp_path / "start")}
    finish(start(config, tmp_path / "alone"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    processes = [
        start(config, tmp_path / f"together{rank}", RANK=str(rank), LOCAL_RANK=str(rank), **both) for rank in range(2)
    ]
    for process in processes:
        finish(process)
    before, alone, first, second = (
        load_file(tmp_path / name / "model.safetensors")
        for name in ("start", *(f"{run}/checkpoints/rl" for run in ("alone", "together0", "together1")))
    )
    moved = sum(float((alone[name] - value).abs().sum()) for name, value in before.items())
    apart = sum(float((first[name] - value).abs().sum()) for name, value in alone.items())
    assert moved > 0
    assert apart < 0.01 * moved
    assert all(torch.equal(first[name], value) for name, value in second.items())
    with RunFolder.open(tmp_path / "together1", TrainConfig.from_dict(config).to_dict()) as opened:
        assert sum(1 for _ in opened.samples.rows("rl")) == 0


def test_one_process_is_a_team_of_its_own() -> None:
    team = Team()
    parameter = torch.nn.Parameter(torch.ones(2))
    assert (team.count, team.rank) == (1, 0)
    assert list(team.share([1, 2, 3])) == [1, 2, 3]
    assert team.told("x") == "x"
    assert team.add_up([parameter], (1.0, 2.0)) == [1.0, 2.0]
    assert parameter.grad is None


def test_a_team_needs_a_budget_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make("rloo", AgentSpec(load_tokenizer("nano"), "token", 256, 12), model="fresh:tiny")
    monkeypatch.setattr(Team, "__init__", lambda self: self.__dict__.update(count=2, rank=0))
    with pytest.raises(ValueError, match="2 processes that learn together need a budget in steps"):
        Learner(agent, None, StageClock("rl", 10.0, None))  # type: ignore[arg-type]
