"""The package's face: what `coderl_env` offers, and that it loads nothing before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import coderl_env


def test_all_is_what_is_public() -> None:
    for name in coderl_env.__all__:
        getattr(coderl_env, name)
    # Submodules become attributes when something imports them.
    modules = {name.split(".")[1] for name in sys.modules if name.startswith("coderl_env.")}
    ours = {"annotations", "register_environments", "import_module", "TYPE_CHECKING", "Any"}
    public = {name for name in dir(coderl_env) if not name.startswith("_")}
    assert public - modules - ours == set(coderl_env.__all__) - {"__version__"}


def test_a_missing_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'coderl_env' has no attribute 'Juge'"):
        coderl_env.Juge  # noqa: B018


def test_importing_the_package_loads_only_the_registration() -> None:
    script = "import sys, coderl_env; print(*sorted(n for n in sys.modules if n.startswith('coderl_env')))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == ["coderl_env", "coderl_env.registration", "coderl_env.version"]
