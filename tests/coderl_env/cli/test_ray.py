"""`--ray`: the commands that judge do so on a cluster; without Ray they say what to install."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from coderl_env.cli import options
from coderl_env.datasets import load_dataset
from coderl_env.judge import Judge

HAS_RAY = find_spec("ray") is not None
SMALL = ["--set", "eval_problems=2", "--set", "eval_samples=1", "--set", "max_program_tokens=8"]
SMALL += ["--set", "problems_per_step=1", "--set", "samples_per_step=1", "--set", "judge_workers=1"]


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clusters that commands ask for; this machine stands for each."""
    asked: list[str] = []

    def make(address: str, *arguments: Any, **settings: Any) -> Judge:
        asked.append(address)
        return Judge(*arguments, **settings)

    monkeypatch.setattr(options, "RayJudge", make)
    return asked


def test_every_command_that_judges_many_programs_takes_a_cluster(
    coderl: Callable[..., Any], addresses: list[str], tmp_path: Path, problem_file: Path, program_file: Path
) -> None:
    problem = next(iter(load_dataset("humaneval", "sample")))
    samples = tmp_path / "samples.jsonl"
    samples.write_text(json.dumps({"task_id": problem.id, "solution": problem.solutions[0]}) + "\n")
    predictions = ["--predictions", samples, "--split", "sample", "--out", tmp_path / "judged"]
    agent = ["--agent", "coderl_agents.random_agent:make", *SMALL]
    commands: list[list[Any]] = [
        ["judge", "--problem", problem_file, "--program", program_file],
        ["train", *agent, "--steps", 1, "--out", tmp_path / "run"],
        [
            "evaluate",
            "--agent",
            "coderl_agents.random_agent:make",
            "--problems",
            2,
            "--samples",
            1,
            "--set",
            "judge_workers=1",
        ],
        ["evaluate", *predictions],
        ["rejudge", tmp_path / "judged"],
    ]
    for number, command in enumerate(commands):
        run = coderl(*command, "--ray", f"cluster{number}")
        assert run.status == 0, run.err
    assert addresses == [f"cluster{number}" for number in range(len(commands))]
    assert "cluster" not in (tmp_path / "run" / "config.json").read_text()
    again = coderl("train", *agent, "--steps", 1, "--out", tmp_path / "run")
    assert again.status == 0, again.err
    assert "resuming" in again.err


@pytest.mark.skipif(HAS_RAY, reason="ray is installed")
def test_without_ray_one_sentence_says_what_to_install(
    coderl: Callable[..., Any], tmp_path: Path, problem_file: Path, program_file: Path
) -> None:
    run = coderl("judge", "--problem", problem_file, "--program", program_file, "--ray", "auto")
    assert run.status == 2
    assert run.err == "coderl: a Ray cluster needs the package ray; install it with: pip install 'coderl-env[ray]'\n"
    run = coderl(
        "train", "--agent", "coderl_agents.random_agent:make", "--out", tmp_path / "run", "--ray", "auto", *SMALL
    )
    assert run.status == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason="ray is not installed")
def test_a_program_is_judged_on_a_cluster(
    coderl: Callable[..., Any], cluster: Any, problem_file: Path, program_file: Path
) -> None:
    command = ["judge", "--problem", problem_file, "--program", program_file, "--json"]
    there = coderl(*command, "--ray", cluster.address)
    assert there.status == 0, there.err
    here, there = json.loads(coderl(*command).out), json.loads(there.out)
    for judgement in (here, there):
        for case in judgement["cases"]:
            del case["cpu_seconds"]
    assert there == here
