"""What the README says: its Python runs, its commands exist, its make targets and links too."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from coderl_env.cli import app

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in SHELL for line in block.splitlines() if line.startswith("coderl ")]


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[0])
def test_python_runs_and_prints_what_its_comments_say(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for promised in re.findall(r"^ *print\(.*\)  # (.+)$", code, re.MULTILINE):
        assert promised in done.stdout.splitlines()


def test_there_is_something_to_test() -> None:
    assert len(PYTHON) >= 4
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_typed(line: str) -> None:
    """Parse the command down to its last option, and do not run it."""
    arguments = shlex.split(line)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    assert command.make_context("coderl", arguments) is not None


def test_the_agent_of_the_readme_trains(tmp_path: Path) -> None:
    (agent,) = [code for code in PYTHON if code.startswith("# bandit.py")]
    (command,) = [line for line in COMMANDS if "bandit:make" in line]
    (tmp_path / "bandit.py").write_text(agent)
    arguments = [Path(sys.executable).parent / "coderl", *shlex.split(command)[1:]]
    small = ["--steps", "2", "--set", "problems_per_step=2", "--set", "samples_per_step=2"]
    small = [part if part != "eval_problems=50" else "eval_problems=5" for part in [*map(str, arguments), *small]]
    done = subprocess.run(small, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "pass@1" in done.stdout
    assert list(tmp_path.glob("runs/synth-bandit-make-seed0-*/report.md"))


def test_every_make_target_exists(project_root: Path) -> None:
    makefile = (project_root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^    make (\w+)", README + (project_root / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    assert {"train", "test"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_every_link_into_the_project_leads_somewhere(project_root: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (project_root / link).exists()] == []
