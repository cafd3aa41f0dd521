"""The pages about the environments: complete, and their examples run."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import coderl_env
from coderl_env.env import ACTION_MODES, ProgramEnv
from coderl_env.reward import REWARDS

PAGES = ["README", *coderl_env.ENVIRONMENTS]


def page(project_root: Path, name: str) -> str:
    return (project_root / "docs" / "environments" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_run(project_root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", page(project_root, name), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, f"{name}.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_every_argument_is_on_the_page_and_in_the_docstring(project_root: Path) -> None:
    text = page(project_root, "README")
    docstring = inspect.getdoc(ProgramEnv) or ""
    for name in list(inspect.signature(ProgramEnv).parameters) + list(ACTION_MODES) + list(REWARDS):
        assert f"`{name}`" in text
        assert f"`{name}`" in docstring or f"\n    {name}: " in docstring


def test_the_windows_on_the_page_are_those_registered(project_root: Path) -> None:
    text = page(project_root, "README")
    for env_id, settings in coderl_env.ENVIRONMENTS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| [`{env_id}`]"))
        assert row.endswith(f"| {settings['max_prompt_tokens']} + {settings['max_program_tokens']} |")


@pytest.mark.parametrize(
    "section",
    [
        "Description",
        "Action Space",
        "Observation Space",
        "Starting State",
        "Rewards",
        "Episode End",
        "Information",
        "Arguments",
        "References",
        "Version History",
    ],
)
def test_the_docstring_has_the_sections_of_gymnasium(section: str) -> None:
    assert f"\n## {section}\n" in (inspect.getdoc(ProgramEnv) or "")


def test_every_key_of_info_is_documented(project_root: Path) -> None:
    env = ProgramEnv(dataset="synth", action_mask=True)
    env.reset(seed=0)
    info = env.step(env.tokenizer.eos_id)[4]
    env.close()
    for text in (page(project_root, "README"), inspect.getdoc(ProgramEnv) or ""):
        assert all(f"`{key}`" in text for key in info)
