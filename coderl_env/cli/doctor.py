"""`coderl doctor`: what this machine offers, and whether the judge holds on it."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict
from importlib import metadata
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from coderl_env.cli.options import IsolationOption, JsonOption
from coderl_env.cli.progress import TerminalProgress
from coderl_env.cli.terminal import describe, emit_json, emit_table, progress_console, say
from coderl_env.judge import IsolationError, Judge
from coderl_env.judge.probe_suite import CATEGORIES, ProbeResult, load_probes, run_probes
from coderl_env.judge.worker import tier_report
from coderl_env.version import VERSION

__all__ = ["doctor_command"]

_FORMS = ("stdio", "call", "assert")
_NAMED = 5
_PACKAGES = ("gymnasium", "numpy", "tokenizers", "torch", "transformers", "accelerate", "matplotlib", "tensorboard")


def doctor_command(isolation: IsolationOption = "auto", as_json: JsonOption = False) -> None:
    """Report versions and isolation tiers, and run the programs that the judge is probed with: cheats, attacks, honest.

    The exit status is 1 where one of them gets through or is judged wrongly, or where no isolation is to be had.

    Example: coderl doctor --json
    """
    report: dict[str, Any] = {
        "coderl_env": VERSION,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "tiers": tier_report(),
        "isolation": None,
        "probes": [],
    }
    fault = None
    results: list[ProbeResult] = []
    try:
        with Judge(isolation=isolation) as judge:
            report["isolation"] = judge.isolation
            results = _probe(judge)
    except IsolationError as error:
        fault = describe(error)
    report["probes"] = [asdict(result) for result in results]
    if as_json:
        emit_json(report)
    else:
        _show(report, results)
    breaches = [result.name for result in results if not result.held]
    if breaches:
        fault = f"the judge did not hold with isolation {report['isolation']}: {_some(breaches)}"
    if fault:
        say(f"coderl: {fault}")
        raise typer.Exit(1)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _show(report: dict[str, Any], results: list[ProbeResult]) -> None:
    versions = Table("part", "version", title="Versions", title_justify="left")
    for name in ("coderl_env", "python", "platform", "processors"):
        versions.add_row(name.replace("_", "-"), str(report[name]))
    for name, version in report["packages"].items():
        versions.add_row(name, version or "not installed")
    tiers = Table("tier", "here", title="Isolation", title_justify="left")
    for name, state in report["tiers"].items():
        tiers.add_row(name + (" (in use)" if name == report["isolation"] else ""), Text(state))
    emit_table(versions)
    emit_table(tiers)
    if results:
        emit_table(_matrix(results))
    if any(not result.held for result in results):
        breaches = Table("probe", "what became of it", title="Breaches", title_justify="left")
        for result in results:
            if not result.held:
                breaches.add_row(result.name, Text(result.detail))
        emit_table(breaches)


def _probe(judge: Judge) -> list[ProbeResult]:
    probes = load_probes()
    results: list[ProbeResult] = []
    with TerminalProgress(progress_console()) as progress:
        progress.start("probes", len(probes), "programs")
        for result in run_probes(judge, probes):
            results.append(result)
            progress.advance("probes", len(results), {})
        progress.finish("probes")
    return results


def _matrix(results: list[ProbeResult]) -> Table:
    """Return how many probes there are of each category and form, and how many of them the judge held."""
    table = Table("probes", *_FORMS, title="Held, of those tried", title_justify="left")
    for category in CATEGORIES:
        cells = []
        for form in _FORMS:
            held = [result.held for result in results if (result.category, result.form) == (category, form)]
            cells.append(f"{sum(held)} of {len(held)}")
        table.add_row(category, *cells)
    return table


def _some(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
