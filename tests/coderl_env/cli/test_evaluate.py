"""`coderl evaluate`: agents by name and by path, and agents of a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AGENT = """
from pathlib import Path

class Reader:
    def __init__(self, spec, text):
        self.spec, self.text = spec, text
    def begin(self, tasks, sampling):
        self.tasks = tasks
    def act(self, observations, infos):
        if self.spec.solutions is None:
            return [self.text for _ in observations]
        return [self.spec.solutions[task.id][0] for task in self.tasks]
    def learn(self, episodes):
        return {}
    def save(self, path):
        Path(path).mkdir(parents=True, exist_ok=True)
        (Path(path) / "text").write_text("print('from the checkpoint')")

def make(spec, *, text="print(1)"):
    if spec.checkpoint is not None:
        text = (spec.checkpoint / "text").read_text()
    return Reader(spec, text)
"""
COMMON = ["--set", "action_mode=program", "--set", "judge_workers=1"]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "reader_agent.py").write_text(AGENT)
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("reader_agent", None)
    return "reader_agent:make"


def test_reference_solutions_score_exactly_one(coderl: Callable[..., Any], agent: str) -> None:
    window = ["--set", "max_program_tokens=4096"]
    arguments = ["--agent", agent, "--env", "apps", "--problems", 6, "--samples", 5, "--solutions", "--json", *window]
    run = coderl("evaluate", *arguments, *COMMON)
    assert run.status == 0, run.err
    summary = json.loads(run.out)
    (row,) = summary["evaluation"].values()
    assert row["pass_at_1"] == row["pass_at_5"] == row["greedy"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert row["problems"] == 6
    assert summary["dataset"]["split"] == "sample"


def test_an_agent_gets_no_solutions_unless_asked(coderl: Callable[..., Any], agent: str) -> None:
    arguments = ["--agent", agent, "--env", "apps", "--problems", 3, "--samples", 1, *COMMON]
    run = coderl("evaluate", *arguments, "--json")
    (row,) = json.loads(run.out)["evaluation"].values()
    assert row["greedy"]["mean"] == 0.0
    table = coderl("evaluate", *arguments)
    assert "greedy" in table.out
    assert "pass@5" not in table.out


def test_a_runs_agent_comes_from_its_checkpoint(coderl: Callable[..., Any], agent: str, tmp_path: Path) -> None:
    small = ["--set", "problems_per_step=1", "--set", "samples_per_step=1", "--set", "eval_problems=1", *COMMON]
    assert coderl("train", "--agent", agent, "--out", tmp_path / "run", "--steps", 1, *small).status == 0
    run = coderl("evaluate", "--run", tmp_path / "run", "--problems", 2, "--samples", 1, "--json")
    assert run.status == 0, run.err
    summary = json.loads(run.out)
    assert summary["agent"] == agent
    assert summary["checkpoint"] == str(tmp_path / "run" / "checkpoints" / "rl")
    assert summary["evaluation"]["rl"]["problems"] == 2
    run = coderl("evaluate", "--run", tmp_path / "run", "--row", "rll")
    assert run.status == 2
    assert "did you mean 'rl'" in run.err
    run = coderl("evaluate", "--run", tmp_path / "run", "--env", "apps")
    assert run.status == 2
    assert "trained for CodeRL-Synth-v0" in run.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either --run"),
        (["--run", "/nowhere", "--agent", "random"], "either --run"),
        (["--run", "/nowhere"], "there is no run in /nowhere"),
        (["--agent", "ranodm"], "did you mean 'random'"),
        (["--agent", "random", "--env", "ape"], "unknown environment 'ape'"),
        (["--agent", "random", "--split", "tset"], "did you mean 'test'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence(coderl: Callable[..., Any], arguments: list[str], message: str) -> None:
    run = coderl("evaluate", *arguments, *COMMON)
    assert run.status == 2
    assert message in run.err
    assert run.err.count("\n") == 1
