"""`coderl doctor`: it sees a judge that holds, and one that does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from coderl_env.cli import doctor
from coderl_env.judge import tier_report
from coderl_env.judge.probe_suite import load_probes


def _needs_a_tier() -> None:
    if all(tier_report()[tier] != "available" for tier in ("strict", "portable")):
        pytest.skip("this machine offers no isolation")


@pytest.fixture
def few_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite itself has tests of its own."""
    names = (
        "attack_busy_loop_in_call",
        "attack_overwrite_file",
        "attack_tcp_connect",
        "cheat_reads_solution_on_disk",
        "cheat_exit_in_call",
        "honest_check_function_assert",
        "honest_main_guard_stdin",
    )
    chosen = [probe for probe in load_probes() if probe.name in names]
    assert len(chosen) == len(names)
    monkeypatch.setattr(doctor, "load_probes", lambda: chosen)


@pytest.mark.usefixtures("few_probes")
def test_the_judge_holds_on_this_machine(coderl: Callable[..., Any]) -> None:
    _needs_a_tier()
    run = coderl("doctor", "--json")
    report = json.loads(run.out)
    assert [probe["name"] for probe in report["probes"] if not probe["held"]] == []
    assert len(report["probes"]) == 7
    assert run.status == 0
    assert report["isolation"] in ("strict", "portable")
    assert set(report["tiers"]) == {"strict", "portable", "none"}


@pytest.mark.slow
@pytest.mark.usefixtures("few_probes")
def test_the_probes_get_out_where_nothing_holds_them(coderl: Callable[..., Any]) -> None:
    """Without isolation the escapes work: a probe that cannot fail would prove nothing."""
    run = coderl("doctor", "--json", "--isolation", "none")
    report = json.loads(run.out)
    breached = {probe["name"] for probe in report["probes"] if not probe["held"]}
    assert breached == {"attack_overwrite_file", "attack_tcp_connect", "cheat_reads_solution_on_disk"}
    assert run.status == 1
    assert "did not hold with isolation none" in run.err
    shown = coderl("doctor", "--isolation", "none")
    assert "Breaches" in shown.out
    assert "files were changed" in shown.out


@pytest.mark.usefixtures("few_probes")
def test_the_tables_show_tiers_and_probes(coderl: Callable[..., Any]) -> None:
    _needs_a_tier()
    run = coderl("doctor")
    assert "(in use)" in run.out
    assert re.search(r"cheat +│ 1 of 1 +│ 1 of 1 +│ 0 of 0", run.out)
    assert re.search(r"honest +│ 1 of 1 +│ 0 of 0 +│ 1 of 1", run.out)
    assert "gymnasium" in run.out


def test_a_machine_without_isolation_is_told_what_to_type(
    coderl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import coderl_env.judge.worker as worker

    def unavailable(*_: object, **__: object) -> None:
        raise worker.UnavailableTier("no Landlock here")

    monkeypatch.setattr(worker, "Zygote", unavailable)
    run = coderl("doctor", "--json")
    assert run.status == 1
    assert "--isolation none" in run.err
    assert json.loads(run.out)["tiers"]["strict"] == "no Landlock here"
