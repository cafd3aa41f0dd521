"""Fixtures that all tests share."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run that decides on a change; new ones are searched for on the desk.
settings.register_profile("reproducible", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("reproducible")

ROOT = Path(__file__).resolve().parent.parent

# Those tests need libraries that have an environment of their own; `make test-interop` runs them there.
collect_ignore = [] if find_spec("stable_baselines3") and find_spec("trl") else ["interop"]


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, or a skip with the reason where it is absent."""
    folder = (ROOT / os.environ.get("CODERL_SHARED_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set CODERL_SHARED_DATA")
    return folder
