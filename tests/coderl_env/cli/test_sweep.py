"""`coderl sweep`: the table of cells, a small sweep from the command line, and the bundled files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coderl_env.cli.sweep import TerminalBoard
from coderl_env.experiment.sweep.board import CellState
from coderl_env.experiment.sweep.config import read_sweep
from coderl_env.experiment.sweep.plan import plan_cells

Coderl = Callable[..., Any]

SMALL = """
name: small
env: synth
agents: [random]
settings:
  {difficulties: "1", eval_problems: 2, eval_samples: 1, problems_per_step: 1, samples_per_step: 1}
budget: {steps: 1}
"""

FILES = ["agents", "apps", "coderl_losses", "coderl_returns", "critic_sampling", "smoke"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_the_bundled_sweeps_are_those_that_are_tested(project_root: Path) -> None:
    assert sorted(path.stem for path in (project_root / "benchmarks" / "sweeps").glob("*.yaml")) == FILES


@pytest.mark.parametrize("name", FILES)
def test_a_bundled_sweep_is_a_plan(coderl: Coderl, project_root: Path, name: str) -> None:
    done = coderl("sweep", project_root / "benchmarks" / "sweeps" / f"{name}.yaml", "--dry-run", "--json")
    assert (done.status, done.err) == (0, "")
    cells = json.loads(done.out)
    names = [cell["name"] for cell in cells]
    assert len(names) >= 3
    assert all(cell["waits_for"] is None or cell["waits_for"] in names for cell in cells)
    assert all(cell["config"]["rl_seconds"] is None for cell in cells)


def test_the_agents_of_the_bundled_sweeps_take_their_settings(project_root: Path) -> None:
    pytest.importorskip("torch")
    from coderl_agents.codet5.settings import Settings as CodeT5Settings
    from coderl_agents.policy_gradient.settings import Settings as PolicySettings

    checked = set()
    for name in FILES:
        for cell in plan_cells(read_sweep(project_root / "benchmarks" / "sweeps" / f"{name}.yaml")):
            agent, settings = cell.config.agent, dict(cell.config.settings)
            if agent == "codet5":
                CodeT5Settings.from_dict(settings)
            elif agent != "random":
                PolicySettings.from_dict(agent, settings)
            checked.add(agent)
    assert checked == {"codet5", "random", "rloo", "grpo", "ppo"}


def test_a_dry_run_prints_the_cells_and_makes_nothing(coderl: Coderl, file: Path, tmp_path: Path) -> None:
    done = coderl("sweep", file, "--dry-run", "--out", tmp_path / "out")
    assert done.status == 0
    assert "synth/random/seed0" in done.out
    assert "rl 1 steps" in done.out
    assert not (tmp_path / "out").exists()


def test_a_sweep_runs_and_its_folder_remembers(coderl: Coderl, file: Path, tmp_path: Path) -> None:
    done = coderl("sweep", file, "--out", tmp_path / "out", "--json")
    assert done.status == 0
    assert "synth/random/seed0: done in" in done.err
    record = json.loads(done.out)
    assert [(cell["name"], cell["status"], cell["error"]) for cell in record["cells"]] == [
        ("synth/random/seed0", "done", None)
    ]
    again = coderl("sweep", file, "--out", tmp_path / "out")
    assert again.status == 0
    assert "synth/random/seed0" in again.out
    assert f"report: coderl report {tmp_path / 'out'}" in again.err
    file.write_text(SMALL.replace("steps: 1", "steps: 2"))
    changed = coderl("sweep", file, "--out", tmp_path / "out")
    assert changed.status == 2
    assert "has cell 'synth/random/seed0' with rl_steps 1, and now it is 2" in changed.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nam: small", "unknown key of a sweep 'nam'; did you mean 'name'"),
        (SMALL + "grid: {reward: []}", "reward in grid of the sweep must be a list"),
        (SMALL + "grid: {reward: [coderl, coderl]}", "are the same run; leave one out"),
        ("a: [", "is no YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(coderl: Coderl, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    done = coderl("sweep", file, "--out", tmp_path / "out")
    assert done.status == 2
    assert words in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()


def test_a_live_table_shows_what_runs() -> None:
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), force_terminal=True, width=120, highlight=False)
    running = CellState("running", "rl", 10, "steps", 4, {"reward": 0.25}, 12.0)
    with TerminalBoard(console) as board:
        board.show({"a": running, "b": CellState("failed", error="it\x1b[31m raised"), "c": CellState()})
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "4/10 steps" in shown
    assert "reward 0.25" in shown
    assert "1 failed, 1 waiting, 3 cells" in shown
    assert "b: failed: it\\x1b[31m raised" in shown
