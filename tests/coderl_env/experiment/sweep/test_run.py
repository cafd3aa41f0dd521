"""Sweeps that run: in processes of their own, whatever agents do, and however often they are killed."""

from __future__ import annotations

import contextlib
import errno
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from coderl_env.experiment.run_folder import RunFolderError, read_config, take_lock
from coderl_env.experiment.sweep.records import Cell
from coderl_env.experiment.sweep.run import run_sweep
from coderl_env.experiment.sweep.store import SweepStore

Small = Callable[..., dict[str, Any]]

RUN = """
import json, sys
from coderl_env.experiment.sweep.run import run_sweep

run_sweep(json.loads(sys.argv[1]), sys.argv[2])
"""

TRAVELS = """
import json, sys
from coderl_env.experiment.sweep.run import run_sweep

class Answers:
    def __init__(self, spec, text): self.text = text
    def begin(self, tasks, sampling): pass
    def act(self, observations, infos): return [self.text] * len(observations)
    def learn(self, episodes): return {}
    def save(self, path): path.mkdir(parents=True, exist_ok=True)

answer = "print('from the script')"
cells = run_sweep(json.loads(sys.argv[1]), sys.argv[2], agents={"mine": lambda spec: Answers(spec, answer)})
sys.exit(any(cell.status != "done" for cell in cells))
"""


def _content(folder: Path) -> list[tuple[Any, ...]]:
    """Return everything that two runs of a sweep must agree on: samples, judgements without times, figures."""
    found: list[tuple[Any, ...]] = []
    with SweepStore(folder, read_only=True) as store:
        for cell in store.cells():
            assert (cell.status, cell.error) == ("done", None)
            for sample in store.samples(cell.cell):
                judgement = json.loads(json.dumps(sample.judgement))
                for case in judgement["cases"]:
                    del case["cpu_seconds"]
                key = (cell.name, sample.row, sample.step, sample.task_id, sample.sample_index, sample.difficulty)
                found.append((*key, sample.outcome, sample.reward, sample.program, json.dumps(judgement)))
            found += [
                (cell.name, figure.stage, figure.step, figure.name, figure.value) for figure in store.metrics(cell.cell)
            ]
    return found


def _kill_at_random_moments(values: dict[str, Any], folder: Path, kills: int, longest_seconds: float) -> None:
    """Run a sweep, kill it again and again, and run it to its end."""
    command = [sys.executable, "-c", RUN, json.dumps(values), str(folder)]
    rng = Random(kills)
    for _ in range(kills):
        process = subprocess.Popen(command)
        time.sleep(rng.uniform(0.3, longest_seconds))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True, timeout=600)


def _by_name(cells: list[Cell]) -> dict[str, Cell]:
    return {cell.agent: cell for cell in cells}


def test_a_cell_that_fails_is_recorded_and_the_others_finish(
    small: Small, agents_file: Path, inline: Any, tmp_path: Path
) -> None:
    def faulty(fault: str) -> dict[str, Any]:
        return {"name": fault, "agent": f"{agents_file}:make", "settings": {"fault": fault}}

    values = small(agents=["random", *(faulty(fault) for fault in ("raises", "nan", "full"))], parallel=2)
    cells = _by_name(run_sweep(values, tmp_path / "sweep", launcher=inline))
    assert {name: cell.status for name, cell in cells.items()} == {
        "random": "done",
        "raises": "failed",
        "nan": "failed",
        "full": "failed",
    }
    assert cells["raises"].error == "RuntimeError: I will not learn"
    assert cells["nan"].error == "loss is nan in stage rl; what follows would mean nothing, so it ends here"
    assert "No space left on device" in str(cells["full"].error)
    random = cells["random"]
    assert {"isolation", "version"} <= set(random.provenance["judge"])
    assert random.provenance["hardware"]["processors"] >= 1
    assert 0 < float(random.seconds or 0) < 60
    folder = tmp_path / "sweep" / str(random.folder)
    assert read_config(folder)["agent"] == "random"
    assert {"summary.json", "report.md", "metrics.jsonl", "samples.sqlite"} <= {item.name for item in folder.iterdir()}
    with SweepStore(tmp_path / "sweep") as store:
        counts = list(store.counts(random.cell))
        assert {(count.row, count.greedy, count.samples, count.difficulty) for count in counts} == {
            (row, greedy, 1 if greedy else 2, "1") for row in ("start", "rl") for greedy in (True, False)
        }
        assert [count.samples for count in store.counts(random.cell, "train/rl")] == [2] * 6
        assert [figure.step for figure in store.metrics(random.cell, "rl", "reward")] == [1, 2, 3]
        assert all(0 < float(figure.seconds or 0) < 60 for figure in store.metrics(random.cell))


@pytest.mark.slow
def test_the_log_of_a_cell_has_the_traceback(small: Small, agents_file: Path, tmp_path: Path) -> None:
    (cell,) = run_sweep(small(agents=[{"agent": f"{agents_file}:make", "settings": {"fault": "raises"}}]), tmp_path)
    assert cell.error == "RuntimeError: I will not learn"
    assert 'raise RuntimeError("I will not learn")' in (tmp_path / "logs" / "synth-make-seed0.log").read_text()


def test_a_cell_that_hangs_is_ended(small: Small, agents_file: Path, tmp_path: Path) -> None:
    hangs = {"agent": f"{agents_file}:make", "settings": {"fault": "hangs"}}
    (cell,) = run_sweep(small(agents=[hangs], cell_timeout_seconds=0.5), tmp_path)
    assert (cell.status, cell.error) == ("failed", "it took longer than 0.5 seconds (cell_timeout_seconds)")


def test_settings_that_failed_before_anything_was_judged_can_be_mended(
    small: Small, inline: Any, tmp_path: Path
) -> None:
    wrong = {"agent": "random", "settings": {"size": 3}}
    (cell,) = run_sweep(small(agents=[wrong]), tmp_path, launcher=inline)
    assert (cell.status, "unknown setting of agent random 'size'" in str(cell.error)) == ("failed", True)
    (cell,) = run_sweep(small(), tmp_path, launcher=inline)
    assert (cell.cell, cell.status, cell.error, cell.settings["settings"]) == (0, "done", None, {})


def test_a_store_that_cannot_be_written_fails_the_cell_and_is_mended_by_the_next_call(
    small: Small, inline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "sweep.sqlite")

    with monkeypatch.context() as patch:
        patch.setattr(SweepStore, "add_samples", full)
        patch.setattr(SweepStore, "set_status", full)
        (cell,) = run_sweep(small(), tmp_path, launcher=inline)
    assert cell.status == "failed"
    assert "could not be gathered: [Errno 28] No space left on device" in str(cell.error)
    monkeypatch.setattr(inline, "start", None)  # the run itself is finished
    (cell,) = run_sweep(small(), tmp_path, launcher=inline)
    assert (cell.status, cell.error) == ("done", None)
    with SweepStore(tmp_path) as store:
        assert len(list(store.samples(0))) == 2 * 3 * 3 + 3 * 4


def test_a_cell_that_somebody_deleted_comes_back_beside_the_others(small: Small, inline: Any, tmp_path: Path) -> None:
    run_sweep(small(seeds=2), tmp_path, launcher=inline)
    with contextlib.closing(sqlite3.connect(tmp_path / "sweep.sqlite")) as connection, connection:
        for table in ("samples", "metrics", "cells"):
            connection.execute(f"DELETE FROM {table} WHERE cell = 0")
    cells = run_sweep(small(seeds=3), tmp_path, launcher=inline)
    assert [(cell.cell, cell.seed, cell.status) for cell in cells] == [(1, 1, "done"), (2, 0, "done"), (3, 2, "done")]


def test_a_folder_of_another_sweep_or_in_use_is_refused(small: Small, tmp_path: Path) -> None:
    with take_lock(tmp_path), pytest.raises(RunFolderError, match="another process is using"):
        run_sweep(small(), tmp_path)
    with pytest.raises(ValueError, match="unknown agent"):
        run_sweep(small(agents=["nobody"]), tmp_path / "never")
    assert not (tmp_path / "never").exists()


@pytest.mark.timeout(1200)  # on a busy machine
@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, 20])
def test_a_sweep_that_was_killed_ends_as_one_that_was_not(small: Small, kills: int, tmp_path: Path) -> None:
    values = small(budget={"steps": 3}) if kills == 2 else small(seeds=2, parallel=2, budget={"steps": 30})
    began = time.monotonic()
    run_sweep(values, tmp_path / "whole")
    # All moments of a run are hit, on fast machines and slow ones.
    _kill_at_random_moments(values, tmp_path / "killed", kills, 0.5 + 0.7 * (time.monotonic() - began))
    expected = _content(tmp_path / "whole")
    assert len(expected) > 30
    assert _content(tmp_path / "killed") == expected


@pytest.mark.slow
def test_ctrl_c_stops_between_steps_and_the_same_command_goes_on(small: Small, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(json.dumps(small(budget={"steps": 100})))  # JSON is YAML
    coderl = str(Path(sys.executable).parent / "coderl")
    command = [coderl, "sweep", str(file), "--out", str(tmp_path / "stopped")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "stopped" / "cells" / "synth-random-seed0" / "metrics.jsonl"
    while not metrics.exists() or metrics.stat().st_size == 0:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "everything finished is in" in said
    with SweepStore(tmp_path / "stopped") as store:
        assert [cell.status for cell in store.cells()] == ["waiting"]
    assert subprocess.run(command, check=False, timeout=200).returncode == 0
    run_sweep(small(budget={"steps": 100}), tmp_path / "whole")
    assert _content(tmp_path / "stopped") == _content(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("has_file", [True, False])
def test_an_agent_of_a_script_or_a_notebook_travels(small: Small, has_file: bool, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(TRAVELS)
    values = small(agents=["mine"])
    command = [sys.executable, script if has_file else "-", json.dumps(values), tmp_path / "sweep"]
    subprocess.run(command, check=True, timeout=100, text=True, input=None if has_file else TRAVELS)
    with SweepStore(tmp_path / "sweep") as store:
        assert {sample.program for sample in store.samples(0)} == {"print('from the script')"}
