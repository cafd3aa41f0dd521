"""The folder of a run, read as a sweep of one cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from coderl_env.experiment.run_folder import RunFolder
from coderl_env.experiment.sources import RunRecords, open_source
from coderl_env.experiment.store import Sample
from coderl_env.experiment.sweep.gather import gather_cell
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.store import SweepStore
from coderl_env.experiment.training import TrainConfig

NAMES = ("synth/test/1/0", "synth/test/2/1")


def _samples(stage: str, outcomes: list[str], step: int = 0, each: int = 2) -> list[Sample]:
    return [
        Sample(
            stage, step, NAMES[index // each], index % each, f"p{index}", {"outcome": outcome}, float(index), outcome
        )
        for index, outcome in enumerate(outcomes)
    ]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    with RunFolder.open(folder, TrainConfig(seed=3).to_dict()) as run:
        run.samples.add(_samples("rl", ["passed", "failed_test"], step=4))
        run.samples.add(_samples("evaluate_rl", ["passed", "failed_test", "runtime_error", "passed"]))
        run.samples.add(_samples("evaluate_rl_greedy", ["passed", "compile_error"], each=1))
        shown = {NAMES[0]: "10", NAMES[1]: "000"}
        run.finish_stage("evaluate_rl", {"passed_examples": shown})
        run.log("rl", 1, {"reward": 0.5})
        run.log("rl", 2, {"reward": 0.75})
        run.write_json("summary.json", {"judge": {"isolation": "strict"}, "dataset": {"name": "synth"}})
    return folder


def test_a_run_reads_as_what_a_sweep_gathers_of_it(tmp_path: Path, run_folder: Path) -> None:
    with SweepStore(tmp_path / "sweep.sqlite") as store, RunRecords(run_folder) as run:
        store.put_cells([Cell(0, "c", "c", "codet5", "CodeRL-Synth-v0", {}, 3)])
        gather_cell(store, 0, run_folder)
        levels = {"1": "1", "2": "2"}
        expected = [
            sample.__class__(**{**_fields(sample), "difficulty": levels[sample.task_id.split("/")[2]]})
            for sample in store.samples(0)
        ]
        assert list(run.samples(0)) == expected
        assert run.rows() == store.rows()
        assert run.first_passes(0, "rl") == store.first_passes(0, "rl") == {NAMES[0]: 0, NAMES[1]: 1}
        assert run.rows(training=True) == store.rows(training=True)
        assert list(run.metrics(0, "rl", "reward")) == list(store.metrics(0, "rl", "reward"))
        mine, theirs = (
            sorted((count.row, count.task_id, count.greedy, count.outcomes) for count in source.counts(training=True))
            for source in (run, store)
        )
        assert mine == theirs


def _fields(sample: object) -> dict[str, object]:
    return {name: getattr(sample, name) for name in sample.__class__.__slots__}


def test_the_cell_of_a_run(run_folder: Path) -> None:
    with open_source(run_folder) as source:
        (cell,) = source.cells()
        assert (cell.agent, cell.env, cell.seed, cell.status) == ("codet5", "CodeRL-Synth-v0", 3, "done")
        assert cell.provenance["judge"] == {"isolation": "strict"}
        assert source.about() == {"name": "run", "kind": "run"}


def test_examples_count_where_all_samples_of_a_problem_are_known(run_folder: Path) -> None:
    with open_source(run_folder) as source:
        counts = {(count.task_id, count.greedy): count for count in source.counts(row="rl")}
    first, second = counts[NAMES[0], False], counts[NAMES[1], False]
    assert (first.outcomes, first.examples, first.examples_and_passed) == ((0, 0, 1, 1), 1, 1)
    # Three flags for two samples are those of another evaluation.
    assert second.examples is None
    assert (first.difficulty, second.difficulty) == ("1", "2")
    assert counts[NAMES[1], True].outcomes == (1, 0, 0, 0)


def test_the_best_and_the_worst(run_folder: Path) -> None:
    with open_source(run_folder) as source:
        assert [sample.reward for sample in source.ranked(0, "rl", best=True, limit=2)] == [3.0, 2.0]
        assert [sample.reward for sample in source.ranked(0, "rl", best=False, limit=1)] == [0.0]


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no folder"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="there is no run in"):
        open_source(tmp_path)
    with RunFolder.open(tmp_path / "new", TrainConfig().to_dict()):
        pass
    with pytest.raises(ValueError, match="has judged no program yet"):
        open_source(tmp_path / "new")
