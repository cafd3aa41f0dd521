"""`coderl doctor`: it sees a judge that holds, and one that does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from coderl_env.judge import tier_report


def _needs_a_tier() -> None:
    if all(tier_report()[tier] != "available" for tier in ("strict", "portable")):
        pytest.skip("this machine offers no isolation")


def test_the_judge_holds_on_this_machine(coderl: Callable[..., Any]) -> None:
    _needs_a_tier()
    run = coderl("doctor", "--json")
    report = json.loads(run.out)
    assert [probe["name"] for probe in report["probes"] if not probe["held"]] == []
    assert len(report["probes"]) >= 14
    assert run.status == 0
    assert report["isolation"] in ("strict", "portable")
    assert set(report["tiers"]) == {"strict", "portable", "none"}


def test_the_probes_get_out_where_nothing_holds_them(coderl: Callable[..., Any]) -> None:
    """Without isolation the escapes work: a probe that cannot fail would prove nothing."""
    run = coderl("doctor", "--json", "--isolation", "none")
    report = json.loads(run.out)
    breached = {probe["name"] for probe in report["probes"] if not probe["held"]}
    assert {"no file is written outside", "no file of yours is read", "no connection is made"} <= breached
    assert "no process of yours is signalled" in breached
    assert run.status == 1
    assert "did not hold with isolation none" in run.err


def test_the_tables_show_tiers_and_probes(coderl: Callable[..., Any]) -> None:
    _needs_a_tier()
    run = coderl("doctor")
    assert "(in use)" in run.out
    assert "a right program passes" in run.out
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
