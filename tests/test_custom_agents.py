"""The guide to custom agents and its two examples: sound, short, trained, resumed and swept by the library as it is."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

from coderl_env.cli import app
from coderl_env.testing import check_agent

EXAMPLES = {"custom_token_agent": "token", "custom_text_agent": "program"}
SMALL = {
    "problems_per_step": 2,
    "samples_per_step": 2,
    "eval_problems": 2,
    "eval_samples": 1,
    "critic_sampling_budget": 1,
    "judge_workers": 1,
}


@pytest.fixture(scope="module")
def guide(project_root: Path) -> str:
    return (project_root / "docs" / "custom_agents.md").read_text(encoding="utf-8")


def load(project_root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, project_root / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def coderl(project_root: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "coderl"), *arguments],
        cwd=project_root / "examples",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize(("name", "mode"), EXAMPLES.items())
def test_the_examples_keep_the_protocol(name: str, mode: str, project_root: Path) -> None:
    assert check_agent(load(project_root, name).make) == (mode,)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_stay_short(name: str, project_root: Path) -> None:
    text = (project_root / "examples" / f"{name}.py").read_text(encoding="utf-8")
    code = text.partition("class ")[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 36


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mode"), EXAMPLES.items())
def test_the_examples_train_evaluate_and_resume(name: str, mode: str, project_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    small = [part for key, value in SMALL.items() for part in ("--set", f"{key}={value}")]
    command = ["train", "--agent", f"{name}:make", "--set", f"action_mode={mode}", "--steps", "2", "--out", str(out)]
    first = coderl(project_root, *command, *small, "--json")
    assert list(json.loads(first)["evaluation"]) == ["start", "rl"]
    assert (out / "report.md").is_file()
    # The same command again finds the run done, and the saved agent can be evaluated by itself.
    assert json.loads(coderl(project_root, *command, *small, "--json")) == json.loads(first)
    evaluated = coderl(project_root, "evaluate", "--run", str(out), "--row", "rl", "--problems", "2", "--samples", "1")
    assert "pass@1" in evaluated


@pytest.mark.slow
def test_the_examples_can_be_swept(project_root: Path, tmp_path: Path) -> None:
    settings = ", ".join(f"{key}: {value}" for key, value in SMALL.items())
    agents = "".join(
        f"  - name: {name}\n    agent: {name}:make\n    train: {{action_mode: {mode}}}\n"
        for name, mode in EXAMPLES.items()
    )
    sweep = tmp_path / "tiny.yaml"
    sweep.write_text(
        f"name: tiny\nenv: synth\nseeds: [0]\nsettings: {{{settings}}}\nbudget: {{steps: 1}}\nagents:\n{agents}"
    )
    coderl(project_root, "sweep", str(sweep), "--out", str(tmp_path / "sweep"), "--parallel", "1")
    assert len(list((tmp_path / "sweep").rglob("summary.json"))) == len(EXAMPLES)


def test_the_guides_python_prints_what_it_says(guide: str, tmp_path: Path) -> None:
    for code in re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr[-2000:]
        for promised in re.findall(r"^ *print\(.*\)  # (.+)$", code, re.MULTILINE):
            assert promised in done.stdout.splitlines()


def test_the_guides_commands_can_be_typed(guide: str) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    commands = [command for block in blocks for command in block.replace("\\\n", "").splitlines()]
    lines = [command for command in commands if command.startswith("coderl ")]
    assert len(lines) >= 7
    for line in lines:
        arguments = shlex.split(line)[1:]
        command = typer.main.get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        assert command.make_context("coderl", arguments) is not None
