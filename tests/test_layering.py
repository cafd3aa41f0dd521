"""Who may import whom: the table of the design, held against the syntax tree of every module.

Imports inside functions and under TYPE_CHECKING count too: a lazy import is still a dependency.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOTS = {"coderl_env": ".", "coderl_agents": "agents", "coderl_benchmarks": "benchmarks"}

# What each part of the library may import of it; the longest prefix of a module's name decides. Each may import itself.
_BASE = ("coderl_env.problem", "coderl_env.outcome", "coderl_env.naming", "coderl_env.version")
_DATA = (*_BASE, "coderl_env.datasets")
_TEXT = ("coderl_env.tokens", "coderl_env.starter", "coderl_env.prompt")
_PLAY = (*_DATA, *_TEXT, "coderl_env.judge", "coderl_env.reward", "coderl_env.agent")
_ENVIRONMENTS = ("coderl_env.registration", "coderl_env.env", "coderl_env.vector", "coderl_env.rollout")
_LIBRARY = (*_PLAY, *_ENVIRONMENTS, "coderl_env.registry")
ALLOWED: dict[str, tuple[str, ...]] = {
    "coderl_env.version": (),
    "coderl_env.naming": (),
    "coderl_env.problem": (),
    "coderl_env.outcome": (),
    "coderl_env.reward": _BASE,
    "coderl_env.agent": _BASE,
    "coderl_env.judge": ("coderl_env.problem", "coderl_env.outcome"),
    "coderl_env.datasets": _BASE,
    "coderl_env.tokens": _BASE,
    "coderl_env.starter": (*_BASE, "coderl_env.tokens"),
    "coderl_env.prompt": (*_BASE, "coderl_env.agent", "coderl_env.starter", "coderl_env.tokens"),
    "coderl_env.registry": (*_BASE, "coderl_env.agent", "coderl_env.tokens"),
    "coderl_env.registration": (),
    "coderl_env.env": _PLAY,
    "coderl_env.vector": (*_PLAY, "coderl_env.env"),
    "coderl_env.wrappers": (*_PLAY, "coderl_env.env"),
    "coderl_env.adapters": (*_PLAY, "coderl_env.env", "coderl_env.wrappers", "coderl_env.registration"),
    "coderl_env.rollout": (*_PLAY, "coderl_env.env", "coderl_env.vector"),
    "coderl_env.testing": _LIBRARY,
    "coderl_env.experiment": _LIBRARY,
    "coderl_env.cli": (*_LIBRARY, "coderl_env.wrappers", "coderl_env.experiment"),
    # Registers the environments by name and re-exports the public API.
    "coderl_env": (*_PLAY, "coderl_env.env", "coderl_env.vector"),
    "coderl_agents": ("coderl_env",),
    "coderl_benchmarks": ("coderl_env",),
}

# Other packages that a part may import, and those of them that may be missing: the latter inside functions only.
CORE = {"gymnasium", "numpy", "tokenizers", "multiprocess", "dill", "yaml"}
OPTIONAL = {"matplotlib", "tensorboard", "huggingface_hub", "pyarrow", "ray", "verifiers", "wandb"}
FORBIDDEN = {"torch", "transformers", "accelerate", "coderl_agents", "coderl_benchmarks"}
STANDARD_LIBRARY_ONLY = ("coderl_env.judge", "coderl_env.problem", "coderl_env.outcome", "coderl_env.naming")
# Single imports that the rules above would refuse, each with its reason; none happens when the library is loaded.
EXCEPTIONS = {
    # The zygote has numpy ready for the programs; the judge itself does not use it.
    ("coderl_env.judge.zygote", "numpy"),
    # In a program's process, where a test passes an array.
    ("coderl_env.judge.rebuilding", "numpy"),
    # A judge on a cluster; the package is optional.
    ("coderl_env.judge.ray_cluster", "ray"),
    # A type in the signature of an optional method, for type checkers only.
    ("coderl_env.agent", "coderl_env.experiment.workbench.Workbench"),
}
# The terminal belongs to the command line, and to the one table that the report draws.
TERMINAL = {"typer", "rich"}
TERMINAL_USERS = ("coderl_env.cli", "coderl_env.experiment.report")


def imports(source: str, module: str, *, is_package: bool) -> Iterator[tuple[str, bool]]:
    """Yield every module that `source` imports, with whether that happens when it is itself imported."""
    tree = ast.parse(source)
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _is_type_checking(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        at_import = id(node) not in lazy
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            here = parts if is_package else parts[:-1]
            base = ".".join([*here[: len(here) - node.level + 1], *([node.module] if node.module else [])])
            target = base if node.level else (node.module or "")
            # `from package import name` may import the submodule `package.name`.
            yield from ((f"{target}.{alias.name}", at_import) for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from ((str(arg.value), at_import) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def within(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether `name` is one of `prefixes` or lies inside one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def breaches(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Return a sentence for each import of `source` that the table does not allow."""
    owner = max((name for name in ALLOWED if within(module, (name,))), key=len, default=None)
    if owner is None or (owner == "coderl_env" and module != "coderl_env"):
        return [f"{module} is in no row of the table in tests/test_layering.py; add it where it belongs"]
    found = []
    for target, at_import in imports(source, module, is_package=is_package):
        top = target.partition(".")[0]
        if (module, target) in EXCEPTIONS and not at_import:
            continue
        if top in ROOTS:
            name = _known(target)
            legal = (*ALLOWED[owner], owner)
            if not within(name, legal):
                found.append(
                    f"{module} imports {target}; {owner} may import only {', '.join(ALLOWED[owner]) or 'nothing'}"
                )
        elif top not in sys.stdlib_module_names and module.startswith("coderl_env"):
            found.extend(_outside(module, target, top, at_import=at_import))
        if top in FORBIDDEN and module.startswith("coderl_env") and top not in ROOTS:
            found.append(f"{module} imports {target}; the library never does")
    return found


def _known(target: str) -> str:
    """Cut a name imported from a module off: `coderl_env.problem.Problem` is `coderl_env.problem`."""
    prefixes = [name for name in ALLOWED if within(target, (name,))]
    return max(prefixes, key=len) if prefixes else target


def _outside(module: str, target: str, top: str, *, at_import: bool) -> Iterator[str]:
    if top in FORBIDDEN:
        return
    if within(module, STANDARD_LIBRARY_ONLY):
        yield f"{module} imports {target}; it may import only the standard library"
    elif top in TERMINAL:
        if not within(module, TERMINAL_USERS):
            yield f"{module} imports {target}; only {', '.join(TERMINAL_USERS)} write to the terminal"
    elif top in OPTIONAL:
        if at_import:
            yield f"{module} imports {target} at its top; that package is optional, so import it inside the function"
    elif top not in CORE:
        yield f"{module} imports {target}, which is no dependency of the core"


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of every module of the three packages."""
    for package, folder in ROOTS.items():
        for file in sorted((root / folder / package).rglob("*.py")):
            if "probes" in file.parts:
                continue  # programs that the judge is probed with: data, and hostile
            parts = list(file.relative_to(root / folder).with_suffix("").parts)
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def test_no_module_imports_what_it_must_not(project_root: Path) -> None:
    found = [
        breach
        for module, file in modules(project_root)
        for breach in breaches(file.read_text(encoding="utf-8"), module, is_package=file.name == "__init__.py")
    ]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("coderl_env.judge.wire", "import numpy"),
        ("coderl_env.judge.wire", "from coderl_env.naming import unknown_name"),
        ("coderl_env.judge.wire", "from .. import reward"),
        ("coderl_env.problem", "from coderl_env.outcome import Outcome"),
        ("coderl_env.env", "def f():\n    import torch"),
        ("coderl_env.tokens", "if TYPE_CHECKING:\n    import transformers"),
        ("coderl_env.registry", "import importlib\nimportlib.import_module('coderl_agents.codet5')"),
        ("coderl_env.env", "from coderl_env.experiment.store import Sample"),
        ("coderl_env.env", "from coderl_env import cli"),
        ("coderl_env.datasets.apps", "from coderl_env.judge import Judge"),
        ("coderl_env.experiment.report", "import matplotlib.pyplot"),
        ("coderl_env.experiment.store", "import rich"),
        ("coderl_env.experiment.training", "from coderl_env.cli import main"),
        ("coderl_env.datasets.apps", "import pandas"),
        ("coderl_env.novelty", "import os"),
        ("coderl_agents.codet5", "import coderl_benchmarks"),
        ("coderl_benchmarks.speed", "from coderl_agents import codet5"),
    ],
)
def test_a_breach_is_found(module: str, source: str) -> None:
    assert breaches(source, module) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "coderl_env.judge.wire",
            "import json\nfrom coderl_env.problem import Problem\nfrom coderl_env.judge import sandbox",
        ),
        ("coderl_env.experiment.report", "import rich\ndef f():\n    import matplotlib.pyplot"),
        ("coderl_env.cli.train", "import typer\nfrom coderl_env.experiment.training import train"),
        ("coderl_agents.codet5.network", "import torch\nfrom coderl_env.agent import Agent\nfrom . import losses"),
        ("coderl_env.experiment.training", "from coderl_env.version import VERSION"),
    ],
)
def test_what_the_table_allows_is_no_breach(module: str, source: str) -> None:
    assert breaches(source, module) == []
