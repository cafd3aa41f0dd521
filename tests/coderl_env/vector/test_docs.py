"""The page about the vector environment: its examples run, and it names every argument."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from gymnasium.vector import AutoresetMode

from coderl_env.env import ProgramEnv
from coderl_env.vector import ProgramVectorEnv


def test_the_examples_run(project_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (project_root / "docs" / "environments" / "vector.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "vector.md", "exec"), {})
        assert capsys.readouterr().out.strip()


def test_every_argument_of_its_own_is_on_the_page(project_root: Path) -> None:
    page = (project_root / "docs" / "environments" / "vector.md").read_text(encoding="utf-8")
    own = set(inspect.signature(ProgramVectorEnv).parameters) - set(inspect.signature(ProgramEnv).parameters)
    for name in (*own, "copy", *(mode.value for mode in AutoresetMode)):
        assert f"| `{name}`" in page
