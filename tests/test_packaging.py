"""The metadata: packages, versions, entry points, licence, pinned constraints."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coderl_env.version import VERSION

ROOTS = {"coderl_env": ".", "coderl_agents": "agents", "coderl_benchmarks": "benchmarks"}


@pytest.fixture(scope="module")
def setup_cfg(project_root: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(project_root / "setup.cfg", encoding="utf-8")
    return parser


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_listed_packages_are_those_of_the_tree(project_root: Path, setup_cfg: configparser.ConfigParser) -> None:
    found = {
        ".".join(file.parent.relative_to(project_root / folder).parts)
        for package, folder in ROOTS.items()
        for file in (project_root / folder / package).rglob("__init__.py")
    }
    assert set(_lines(setup_cfg["options"]["packages"])) == found


def test_no_module_lies_outside_a_package(project_root: Path) -> None:
    stray = [
        str(file.relative_to(project_root))
        for package, folder in ROOTS.items()
        for file in (project_root / folder / package).rglob("*.py")
        # The programs of the judge's probes are data.
        if not (file.parent / "__init__.py").exists() and "probes" not in file.parts
    ]
    assert stray == []


def test_the_metadata_lives_in_setup_cfg_alone(project_root: Path) -> None:
    """A [project] table would make setuptools ignore setup.cfg."""
    assert "project" not in tomllib.loads((project_root / "pyproject.toml").read_text(encoding="utf-8"))
    assert not (project_root / "setup.py").exists()


def test_the_installed_version_is_that_of_the_source() -> None:
    assert metadata.version("coderl-env") == VERSION


def test_the_changelog_knows_the_version(project_root: Path) -> None:
    text = (project_root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in text or f"## [{VERSION}]" in text


def test_every_entry_point_leads_to_a_module(setup_cfg: configparser.ConfigParser) -> None:
    section = setup_cfg["options.entry_points"]
    targets = [line.partition("=")[2].strip() for name in section for line in _lines(section[name])]
    assert len(targets) >= 4
    missing = [target for target in targets if find_spec(target.partition(":")[0]) is None]
    assert missing == []


def _pins(project_root: Path) -> dict[str, str]:
    pins = {}
    for line in _lines((project_root / "constraints.txt").read_text(encoding="utf-8")):
        requirement = Requirement(line)
        (clause,) = requirement.specifier
        assert clause.operator == "==", f"constraints.txt pins nothing with {line!r}"
        pins[canonicalize_name(requirement.name)] = clause.version
    return pins


def _needed(extras: tuple[str, ...]) -> Iterator[Requirement]:
    """Yield every requirement, direct or not, of coderl-env with `extras` on this machine."""
    waiting = [Requirement(f"coderl-env[{','.join(extras)}]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        parent = waiting.pop()
        key = (canonicalize_name(parent.name), frozenset(parent.extras))
        if key in seen:
            continue
        seen.add(key)
        for text in metadata.requires(parent.name) or []:
            child = Requirement(text)
            if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in ("", *parent.extras)):
                waiting.append(child)
                yield child


def test_constraints_pin_all_that_is_installed(project_root: Path) -> None:
    pins = _pins(project_root)
    assert pins["torch"] == "2.13.0"
    unpinned = {name for item in _needed(("agents", "dev")) if (name := canonicalize_name(item.name)) not in pins}
    assert unpinned == set()


def test_constraints_hold_nothing_that_is_not_needed(project_root: Path) -> None:
    needed = {canonicalize_name(item.name) for item in _needed(("agents", "dev"))}
    assert set(_pins(project_root)) - needed == set()


def test_the_pinned_versions_satisfy_every_requirement(project_root: Path) -> None:
    pins = _pins(project_root)
    broken = [
        f"{item} but {pins[name]} is pinned"
        for item in _needed(("agents", "dev"))
        if (name := canonicalize_name(item.name)) in pins and not item.specifier.contains(pins[name], prereleases=True)
    ]
    assert broken == []
