"""What a report says of a sweep whose figures are known, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coderl_env.experiment.estimators import probability_of_improvement, seed_interval
from coderl_env.experiment.reports.contents import Report, Section, make_report
from coderl_env.experiment.reports.curves import learning_curves, smoothed
from coderl_env.experiment.reports.grids import Grid, level_order, markdown_cell, percent
from coderl_env.experiment.reports.groups import Entrant, entrants, final_row, ordered_rows
from coderl_env.experiment.reports.texts import judgement_line, shown_text
from coderl_env.experiment.results import gather
from coderl_env.experiment.sources import open_source
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.store import SweepStore


@pytest.fixture
def report(sweep_folder: Path) -> Report:
    with open_source(sweep_folder) as source:
        return make_report(source)


def _section(report: Report, title: str) -> Section:
    return next(section for section in report.sections if section.title == title)


def _grid(section: Section, title: str) -> Grid:
    return next(grid for grid in section.grids if grid.title == title)


def _line(grid: Grid, label: str) -> dict[str, str]:
    (row,) = [row for row in grid.rows if row[0] == label]
    return dict(zip(grid.columns, row, strict=True))


def _scores(folder: Path, agent: str, env: str, row: str = "rl") -> list[float]:
    with SweepStore(folder, read_only=True) as store:
        results = gather(store.counts())
        cells = [cell.cell for cell in store.cells() if (cell.agent, cell.env, cell.status) == (agent, env, "done")]
    return [float(results[cell, row].metrics()["pass@1"].mean()) for cell in cells]


def test_figures_are_those_of_the_estimators(report: Report, sweep_folder: Path) -> None:
    synth = _section(report, "CodeRL-Synth-v0")
    scores = _scores(sweep_folder, "strong", "CodeRL-Synth-v0")
    assert len(scores) == 2
    line = _line(_grid(synth, "Results"), "strong: RL")
    assert line["pass@1"] == percent(seed_interval([scores], seed=0, resamples=2000))
    assert (line["seeds"], line["problems"], line["samples"]) == ("2", "6", "4")
    assert set(_line(_grid(synth, "Filtered by examples: n@k"), "weak: warm start")) >= {"1@4"}


def test_agents_are_compared_pair_by_pair(report: Report, sweep_folder: Path) -> None:
    (row,) = _grid(_section(report, "CodeRL-Synth-v0"), "Agents compared").rows
    strong, weak = (_scores(sweep_folder, agent, "CodeRL-Synth-v0") for agent in ("strong", "weak"))
    expected = probability_of_improvement([weak], [strong], seed=0, resamples=2000)
    assert row[:2] == ("weak over strong", percent(expected))
    assert row[4] == "worse"
    for difference in row[2:4]:
        assert difference.startswith(f"{100 * (np.mean(weak) - np.mean(strong)):+.1f} [")


def test_gains_are_paired(report: Report, sweep_folder: Path) -> None:
    line = _line(_grid(_section(report, "CodeRL-Synth-v0"), "Paired gains"), "strong: RL - warm start")
    gains = np.subtract(
        _scores(sweep_folder, "strong", "CodeRL-Synth-v0"),
        _scores(sweep_folder, "strong", "CodeRL-Synth-v0", "warm_start"),
    )
    assert line["pass@1"].startswith(f"{100 * gains.mean():+.1f} [")


def test_programs_that_were_chosen_count_in_their_order(report: Report, sweep_folder: Path) -> None:
    section = _section(report, "CodeRL-Synth-v0")
    assert "strong: RL, critic sampling" not in [row[0] for row in _grid(section, "Results").rows]
    with SweepStore(sweep_folder, read_only=True) as store:
        firsts = [store.first_passes(cell, "rl_critic_sampling") for cell in (0, 1)]
    shares = [np.mean([index == 0 for index in first.values()]) for first in firsts]
    line = _line(_grid(section, "Filtered by examples: n@k"), "strong: RL, critic sampling")
    assert line["1@4"] == percent(seed_interval([shares], seed=0, resamples=2000))
    gain = _line(_grid(section, "Paired gains"), "strong: RL, critic sampling - warm start")["pass@1"]
    before = _scores(sweep_folder, "strong", "CodeRL-Synth-v0", "warm_start")
    assert gain.startswith(f"{100 * (np.mean(shares) - np.mean(before)):+.1f} [")


def test_environments_are_strata(report: Report, sweep_folder: Path) -> None:
    line = _line(_section(report, "All environments").grids[0], "strong")
    strata = [_scores(sweep_folder, "strong", env) for env in ("CodeRL-Synth-v0", "CodeRL-APPS-v0")]
    assert line["IQM"] == percent(seed_interval(strata, seed=0, resamples=2000))
    assert line["runs"] == "4"


def test_difficulties_have_the_papers_form(report: Report) -> None:
    grid = _grid(_section(report, "CodeRL-APPS-v0"), "pass@1 by difficulty")
    assert grid.columns == ("", "Level 1", "Level 2", "All")
    assert level_order(["competition", "interview", "introductory"]) == ["introductory", "interview", "competition"]


def test_failed_cells_are_told_of_and_left_out(report: Report) -> None:
    (row,) = _section(report, "Failed cells").grids[0].rows
    assert row == ("weak CodeRL-APPS-v0 1", "the loss was <nan>; lower the learning rate")
    assert ("cells", "7 finished, 1 failed") in report.facts
    assert ("seeds", "0-1") in report.facts
    assert _line(_grid(_section(report, "CodeRL-APPS-v0"), "Results"), "weak: RL")["seeds"] == "1"


def test_each_cell_shows_its_best_and_worst_program(report: Report) -> None:
    listings = _section(report, "Best and worst programs").listings
    assert len(listings) == 2 * 7
    assert listings[2].title.startswith("best of strong CodeRL-Synth-v0 1, RL: synth/test/")
    assert listings[2].facts == "passed, return 1; 1 of 1 tests accepted"
    assert listings[3].facts == "failed test, return -0.3; 0 of 1 tests accepted; test 1: wrong answer"


def test_provenance_and_settings(report: Report) -> None:
    provenance, settings = _section(report, "Where this comes from").grids
    assert ("judge: isolation", "strict") in provenance.rows
    assert ("version", "1.2.3") in provenance.rows
    assert ("dataset: size", "endless") in provenance.rows
    assert ("env", "CodeRL-Synth-v0; CodeRL-APPS-v0") in settings.rows


def test_curves_have_bands_over_seeds(report: Report) -> None:
    (chart,) = _section(report, "CodeRL-Synth-v0").charts
    assert [panel.x_label for panel in chart.panels] == ["programs sampled", "seconds"]
    samples, seconds = chart.panels
    assert samples.series[0].x[-1] == 19 * 2 * 4
    assert seconds.series[0].x[0] == 11.0
    line = samples.series[0]
    assert line.low is not None
    assert line.high is not None
    assert (line.low <= line.y + 1e-9).all()
    assert (line.y <= line.high + 1e-9).all()


def test_many_agents_have_several_charts(sweep_folder: Path) -> None:
    with open_source(sweep_folder) as source:
        groups = entrants([cell for cell in source.cells() if cell.status == "done"])
        strong = next(group for group in groups if group.label == "strong" and group.env == "CodeRL-Synth-v0")
        many = [Entrant(f"agent {n}", strong.env, strong.cells) for n in range(11)]
        charts = learning_curves(source, many, 0)
    labels = [[series.label for series in chart.panels[0].series] for chart in charts]
    assert labels == [[f"agent {n}" for n in range(8)], [f"agent {n}" for n in range(8, 11)]]
    assert charts[1].note.endswith("Agents 9 to 11 of 11.")


def test_an_unknown_agent_to_compare_with_is_one_sentence(sweep_folder: Path) -> None:
    with (
        open_source(sweep_folder) as source,
        pytest.raises(ValueError, match="unknown agent 'strng'; did you mean 'strong'"),
    ):
        make_report(source, against=["strng"])


def test_smoothing_is_a_mean_over_a_window() -> None:
    values = np.random.default_rng(0).random(60).tolist()
    expected = [np.mean(values[max(0, index - 3) : index + 4]) for index in range(60)]
    assert smoothed(values) == pytest.approx(expected)


def test_cells_that_differ_in_their_seed_belong_together() -> None:
    def cell(number: int, variant: str, seed: int) -> Cell:
        # Where an agent starts from differs between seeds, and tells nobody apart.
        return Cell(number, str(number), variant, "ppo", "CodeRL-Synth-v0", {"start_from": f"seed{seed}"}, seed)

    groups = entrants([cell(0, "synth/ppo/rate=1", 1), cell(1, "synth/ppo/rate=1", 0), cell(2, "synth/ppo/rate=2", 0)])
    assert [(group.label, [member.seed for member in group.cells]) for group in groups] == [
        ("ppo, rate=1", [0, 1]),
        ("ppo, rate=2", [0]),
    ]


def test_rows_come_in_the_order_of_a_run() -> None:
    assert ordered_rows(["zeta", "rl", "warm_start", "alpha"]) == ["warm_start", "rl", "alpha", "zeta"]
    assert final_row(["warm_start", "rl", "rl_critic_sampling"]) == "rl"
    assert final_row(["predictions"]) == "predictions"
    assert final_row([]) is None


def test_nothing_that_is_hidden_is_shown_raw() -> None:
    assert shown_text("a\x00\x1b[31m\u202eb\u200b\ud800\n\t") == "a\\x00\\x1b[31m\\u202eb\\u200b\\ud800\n\t"
    assert shown_text("x" * 100, 10) == "x" * 10 + " ... (90 more characters)"
    assert markdown_cell("a|b`c\n<d> *e* [f](g) \\") == "a\\|b\\`c \\<d\\> \\*e\\* [f\\](g) \\\\"


def test_what_became_of_a_program_in_one_line() -> None:
    assert judgement_line(None) == "no judgement was kept"
    assert judgement_line({"compile_error": "SyntaxError:\n bad"}) == "SyntaxError: bad"
    error = {"verdict": "exception", "error_type": "ValueError", "error_line": 3, "error_message": "no\x1b"}
    line = judgement_line({"cases": [{"verdict": "accepted"}, error]})
    assert line == "1 of 2 tests accepted; test 2: exception (ValueError in line 3: no\\x1b)"


def test_an_empty_sweep_is_no_report(tmp_path: Path) -> None:
    with SweepStore(tmp_path / "sweep.sqlite") as store, pytest.raises(ValueError, match="there is no cell"):
        make_report(store)


def test_a_sweep_of_which_nothing_is_finished_says_so(tmp_path: Path) -> None:
    with SweepStore(tmp_path / "sweep.sqlite") as store:
        store.put_cells([Cell(0, "a", "a", "a", "e", {}, 0)])
        report = make_report(store)
    assert ("cells", "1 waiting") in report.facts
    assert [section.title for section in report.sections] == ["Where this comes from", "How the figures are made"]
