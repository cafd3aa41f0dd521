"""The throughput benchmark: every table is there, and its rates come from work that was done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coderl_benchmarks.env import Figure, compare, main, show

TINY = ["--seconds", "0.001", "--rounds", "1", "--num-envs", "2", "--memory-steps", "1000", "--workers", "1"]


def test_every_table_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    assert main([*TINY, "--json", str(path)]) == 0
    figures = json.loads(path.read_text(encoding="utf-8"))
    shown = capsys.readouterr().out
    tables = dict.fromkeys(figure["table"] for figure in figures)
    assert [table.split(",")[0] for table in tables] == [
        "one environment",
        "one environment",
        "2 environments",
        "2 environments",
        "gymnasium.utils.performance",
        "gymnasium.utils.performance",
        "2 environments",
        "2 environments",
        "memory",
    ]
    assert all(figure["name"] in shown and figure["table"] in shown for figure in figures)
    assert all(figure["value"] > 0 for figure in figures if figure["unit"] != "MiB")


def test_parts_may_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--parts", "single"]) == 0
    assert "ProgramVectorEnv" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--parts", "sngle"])


def test_the_best_of_each_counts_and_the_first_is_the_measure() -> None:
    turns: list[str] = []
    times = {"a": iter([4.0, 2.0, 8.0]), "b": iter([1.0, 2.0, 2.0])}

    def work(name: str) -> tuple[float, float]:
        turns.append(name)
        return 8.0, next(times[name])

    figures = compare("t", "steps/s", 3, {name: lambda name=name: work(name) for name in times})
    assert turns == ["a", "b"] * 3
    assert figures == [Figure("t", "a", 4.0, "steps/s", 1.0), Figure("t", "b", 8.0, "steps/s", 2.0)]
    assert show(figures).split() == ["t", "a", "4.00", "steps/s", "x", "1.00", "b", "8.00", "steps/s", "x", "2.00"]
