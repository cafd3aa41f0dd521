"""The benchmark of a sweep's store: what it writes is what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coderl_benchmarks.store import cell_samples, main


def test_a_cell_has_the_samples_asked_for_with_judgements_of_two_kilobytes() -> None:
    samples = list(cell_samples(3, 500))
    assert len(samples) == 500
    assert len({(s.row, s.step, s.task_id, s.sample_index) for s in samples}) == 500
    sizes = [len(json.dumps(sample.judgement)) for sample in samples]
    assert 1900 < min(sizes) <= max(sizes) < 2300


def test_the_benchmark_measures_a_small_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--samples", "2000", "--folder", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["problems_counted"] == 10 * 2 * 4 * 2  # cells, rows, problems, greedy or not
    assert figures["samples_streamed"] == 200
    assert main(["--read-only", "--folder", str(tmp_path)]) == 0
    assert "write_seconds" not in json.loads(capsys.readouterr().out)
