"""The pages about wrappers and adapters: their examples run, and name what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import coderl_env.wrappers

PAGES = ("wrappers", "adapters")


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_run(project_root: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)\n```\n\n", (project_root / "docs" / f"{name}.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, f"{name}.md", "exec"), {})
        printed = capsys.readouterr().out
        assert printed.strip()
        for promised in re.findall(r"print\(.*\)  # (.+)$", block, re.MULTILINE):
            assert promised in printed.splitlines()


def test_every_wrapper_and_adapter_is_described(project_root: Path) -> None:
    pages = {name: (project_root / "docs" / f"{name}.md").read_text() for name in PAGES}
    assert [name for name in coderl_env.wrappers.__all__ if f"`{name}" not in pages["wrappers"]] == []
    shared = {"__init__", "scoring", "extraction", "making"}
    adapters = {file.stem for file in (project_root / "coderl_env" / "adapters").glob("*.py")} - shared
    assert [name for name in adapters if f"`{name}`" not in pages["adapters"]] == []
    for example in (project_root / "examples").glob("*.py"):
        assert f"]({example.name})" in (project_root / "examples" / "README.md").read_text()


def test_the_versions_of_the_other_environment(project_root: Path) -> None:
    """`.venv-interop` is installed with both files; a package pinned in both could not agree with itself."""

    def pins(name: str) -> dict[str, str]:
        lines = (project_root / name).read_text().splitlines()
        return dict(line.replace("_", "-").lower().split("==") for line in lines if line and not line.startswith("#"))

    assert pins("constraints.txt")["torch"] == "2.13.0"
    assert {"trl", "stable-baselines3", "sb3-contrib"} <= set(pins("constraints-interop.txt"))
    assert set(pins("constraints-interop.txt")).isdisjoint(pins("constraints.txt"))
