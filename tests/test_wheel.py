"""The wheel holds what the tree holds, and works on its own."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOTS = {"coderl_env": ".", "coderl_agents": "agents", "coderl_benchmarks": "benchmarks"}
JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info", ".*")


def _copy_sources(root: Path, target: Path) -> None:
    """Copy what a wheel is built from: in the tree itself a stale build/ folder could add files of the past."""
    target.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, target / name)
    for package, folder in ROOTS.items():
        shutil.copytree(root / folder / package, target / folder / package, ignore=JUNK)


@pytest.fixture(scope="session")
def wheel(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tree, built once."""
    folder = tmp_path_factory.mktemp("wheel")
    _copy_sources(project_root, folder / "source")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "."]
    done = subprocess.run(
        [*command, "--wheel-dir", str(folder)], cwd=folder / "source", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (file,) = folder.glob("*.whl")
    return file


def _tree_files(root: Path) -> set[str]:
    return {
        file.relative_to(root / folder).as_posix()
        for package, folder in ROOTS.items()
        for file in (root / folder / package).rglob("*")
        if file.is_file() and file.suffix != ".pyc" and not any(part.startswith(".") for part in file.parts[-2:])
    }


def test_the_wheel_holds_the_tree_and_nothing_else(wheel: Path, project_root: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    tree = _tree_files(project_root)
    assert sorted(tree - names) == [], "not in the wheel; list it under options.package_data in setup.cfg"
    assert sorted(names - tree) == []


def test_the_wheel_carries_its_licence_and_commands(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = [name for name in names if name.endswith(".dist-info/entry_points.txt")]
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        parser = configparser.ConfigParser()
        parser.read_string(archive.read(entry_points).decode())
        text = archive.read(metadata).decode()
    assert any(name.endswith("/LICENSE") for name in names)
    assert parser["console_scripts"]["coderl"] == "coderl_env.cli:main"
    assert re.search(r"^License(-Expression)?: BSD-3-Clause$", text, re.MULTILINE)


def test_the_installed_wheel_works_without_the_tree(wheel: Path, tmp_path: Path) -> None:
    """Unpacked far from the tree, with its package data: an environment is made and a program is judged."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path / "site")!r})
import coderl_env
assert coderl_env.__file__.startswith({str(tmp_path)!r}), coderl_env.__file__
from coderl_env.datasets import load_dataset
from coderl_env.judge import Judge
problem = next(iter(load_dataset("apps")))
with Judge(workers=1) as judge:
    print(judge.judge(problem.solutions[0], problem).outcome.value)
import gymnasium
env = gymnasium.make("CodeRL-Synth-v0")
env.reset(seed=0)
env.step(env.action_space.sample())
env.close()
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["passed"]
