"""The report of a run, from a summary and metrics as `coderl train` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from coderl_env.experiment import report
from coderl_env.experiment.report import curve_png, report_text, summary_tables, write_report
from coderl_env.experiment.run_folder import RunFolder


def _estimate(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.02, "high": mean + 0.02}


def _row(mean: float, **extra: Any) -> dict[str, Any]:
    return {
        "pass_at_1": _estimate(mean),
        "pass_at_5": _estimate(mean + 0.1),
        "greedy": _estimate(mean + 0.05),
        "outcomes": {"compile_error": 1, "runtime_error": 2, "failed_test": 3, "passed": 4},
        "problems": 500,
        "samples": 10,
        "temperature": 0.6,
        **extra,
    }


GAIN = {"pass_at_1": _estimate(0.05), "pass_at_5": _estimate(0.01), "greedy": _estimate(-0.01)}
SUMMARY: dict[str, Any] = {
    "env": "CodeRL-Synth-v0",
    "dataset": {"name": "synth", "split": "train"},
    "seed": 3,
    "agent": "codet5",
    "judge": {"isolation": "strict"},
    "seconds": {"warm_start": 200.4},
    "evaluation": {
        "warm_start": _row(0.50),
        "ce_continued": _row(0.52, gain=GAIN),
        "rl": _row(0.55, gain=GAIN, gain_over_ce=GAIN),
        "own_row": _row(0.60, gain=GAIN),
    },
}
METRICS = [{"stage": "rl", "step": step, "time": 0.0, "reward": step / 10, "loss": None} for step in range(30)]


def _screen(summary: dict[str, Any]) -> str:
    console = Console(record=True, width=160, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        for table in summary_tables(summary):
            console.print(table)
    return capture.get()


def test_the_table_has_every_row_with_its_intervals() -> None:
    text = _screen(SUMMARY)
    for label, cells in {
        "warm start": "50.0 [48.0, 52.0]",
        "CE continued": "52.0 [50.0, 54.0]",
        "RL": "65.0 [63.0, 67.0]",
        "own_row": "60.0 [58.0, 62.0]",
    }.items():
        assert any(label in line and cells in line for line in text.splitlines()), label
    assert "500 problems, 10 samples each, temperature 0.6" in text


def test_gains_are_signed_and_name_both_sides() -> None:
    text = _screen(SUMMARY)
    line = next(line for line in text.splitlines() if "RL - CE continued" in line)
    assert "+5.0 [+3.0, +7.0]" in line
    assert "-1.0 [-3.0, +1.0]" in line
    assert "RL - warm start" in text
    assert "warm start minus" not in text


def test_outcomes_are_shares_of_all_samples() -> None:
    line = next(line for line in _screen(SUMMARY).splitlines() if "RL" in line and "10.0" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == ["RL", "10.0", "20.0", "30.0", "40.0"]


def test_a_row_without_a_metric_shows_a_dash() -> None:
    few = {**SUMMARY, "evaluation": {"a": {**_row(0.5), "pass_at_5": None}}}
    assert any("│ -" in line.replace("  ", "") or " - " in line for line in _screen(few).splitlines())


def test_the_report_is_markdown_with_provenance_and_settings() -> None:
    text = report_text(SUMMARY, {"seed": 3, "settings": {"model": "na|no"}}, has_curve=True)
    assert text.startswith("# codet5 on CodeRL-Synth-v0, seed 3\n")
    assert "| RL | 55.0 [53.0, 57.0] | 65.0 [63.0, 67.0] | 60.0 [58.0, 62.0] |" in text
    assert "| judge | isolation strict |" in text
    assert "| seconds, warm start | 200 |" in text
    assert "| settings | model na\\|no |" in text
    assert "![Learning curve](learning_curve.png)" in text
    for table in text.split("\n\n"):
        if table.startswith("|"):
            widths = {line.replace("\\|", "").count("|") for line in table.splitlines()}
            assert len(widths) == 1, table


def test_the_curve_is_a_picture() -> None:
    pytest.importorskip("matplotlib")
    picture = curve_png(METRICS)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")


def test_stages_without_figures_have_no_curve() -> None:
    assert curve_png([]) is None
    assert curve_png([{"stage": "rl", "step": 1, "time": 0.0, "loss": 1.0}]) is None


def test_without_matplotlib_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "find_spec", lambda _: None)
    with RunFolder.open(tmp_path, {"seed": 3}) as run:
        run.log("rl", 1, {"reward": 0.1})
        run.log("rl", 2, {"reward": 0.2})
        text = write_report(run, SUMMARY).read_text()
    assert "matplotlib is not installed" in text
    assert not (tmp_path / "learning_curve.png").exists()


def test_a_report_is_written_with_its_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with RunFolder.open(tmp_path, {"seed": 3}) as run:
        for line in METRICS:
            run.log("rl", line["step"], {"reward": line["reward"]})
        path = write_report(run, SUMMARY)
    assert "learning_curve.png" in path.read_text()
    assert (tmp_path / "learning_curve.png").stat().st_size > 5000


def test_an_empty_summary_is_still_a_report() -> None:
    assert "Learning curve" in report_text({}, {}, has_curve=False)
    assert summary_tables({}) == []
