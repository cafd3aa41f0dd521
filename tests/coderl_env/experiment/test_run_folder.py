"""A run folder: whole files, resuming, and clear refusals."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from coderl_env.experiment import events
from coderl_env.experiment.run_folder import FOLDER_FORMAT, RunFolder, RunFolderError, read_metrics, write_whole
from coderl_env.version import VERSION

CONFIG = {"env": "synth", "seed": 0, "levels": ("1", "2"), "model": None}


def test_a_new_folder_holds_its_configuration_and_version(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "deep" / "run", CONFIG) as run:
        assert not run.resumed
        assert run.checkpoints.is_dir()
        record = json.loads((run.path / "config.json").read_text())
    assert record["config"] == {"env": "synth", "seed": 0, "levels": ["1", "2"], "model": None}
    assert record["version"] == VERSION
    assert record["format"] == FOLDER_FORMAT


def test_the_same_configuration_resumes(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.log("rl", 1, {"loss": 1.5})
        run.finish_stage("warm_start", {"steps": 10})
        created = (tmp_path / "config.json").read_bytes()
    with RunFolder.open(tmp_path, {**CONFIG, "levels": ["1", "2"]}) as run:
        assert run.resumed
        run.log("rl", 2, {"loss": 1.0})
        assert [line["loss"] for line in run.metrics("rl")] == [1.5, 1.0]
        assert run.stage_state("warm_start") == {"steps": 10}
        assert run.stage_state("rl") is None
    assert (tmp_path / "config.json").read_bytes() == created


def test_another_configuration_names_what_differs(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, CONFIG).close()
    with pytest.raises(RunFolderError) as caught:
        RunFolder.open(tmp_path, {**CONFIG, "seed": 1, "model": "nano"})
    message = str(caught.value)
    assert "seed is 0 there and 1 here" in message
    assert 'model is null there and "nano" here' in message
    assert "env" not in message


def test_a_key_that_only_one_side_has_is_a_difference(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, CONFIG).close()
    with pytest.raises(RunFolderError, match="extra is null there"):
        RunFolder.open(tmp_path, {**CONFIG, "extra": None})
    with pytest.raises(RunFolderError, match="model"):
        RunFolder.open(tmp_path, {name: value for name, value in CONFIG.items() if name != "model"})


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunFolderError, match=r"thesis\.tex"):
        RunFolder.open(tmp_path, CONFIG)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"config": {}}', '{"format": 1, "config": 3}'])
def test_a_broken_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RunFolderError, match="not the configuration of a run"):
        RunFolder.open(tmp_path, CONFIG)


def test_another_format_is_refused_by_number(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"format": 99, "config": {}}')
    with pytest.raises(RunFolderError, match="format 99"):
        RunFolder.open(tmp_path, CONFIG)


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.open(tmp_path / "run", CONFIG)


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, CONFIG), pytest.raises(RunFolderError, match="another process"):
        RunFolder.open(tmp_path, CONFIG)
    RunFolder.open(tmp_path, CONFIG).close()
    program = f"""
import os, signal
from coderl_env.experiment.run_folder import RunFolder
run = RunFolder.open({str(tmp_path)!r}, {CONFIG!r})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == -9
    RunFolder.open(tmp_path, CONFIG).close()


def test_configurations_must_be_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        RunFolder.open(tmp_path / "run", {"path": tmp_path})
    with pytest.raises(ValueError, match="JSON"):
        RunFolder.open(tmp_path / "run", {"rate": float("nan")})
    assert not (tmp_path / "run").exists()


def test_a_cut_line_of_metrics_is_dropped(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.log("rl", 1, {"loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "rl", "st')
    assert len(read_metrics(tmp_path)) == 1
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.log("rl", 2, {"loss": 0.5})
        assert [line["step"] for line in run.metrics()] == [1, 2]


def test_a_repeated_step_counts_once_with_its_last_figures(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, CONFIG) as run:
        for loss in (3.0, 2.0):
            run.log("rl", 1, {"loss": loss})
        run.log("critic", 1, {"loss": 9.0})
        run.log("rl", 1, {"pass_rate": 0.5})
        assert [(line["loss"], line["pass_rate"]) for line in run.metrics("rl")] == [(2.0, 0.5)]
        assert [line["stage"] for line in run.metrics()] == ["rl", "critic"]


def test_figures_that_are_not_finite_become_null(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.log("rl", 1, {"loss": float("nan"), "ratio": float("inf")})
    (line,) = read_metrics(tmp_path)
    assert line["loss"] is None
    assert line["ratio"] is None


def test_a_figure_cannot_hide_a_field(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, CONFIG) as run, pytest.raises(ValueError, match="'step'"):
        run.log("rl", 1, {"step": 2.0})


def test_write_json_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.write_json("summary.json", {"a": 1})
        with pytest.raises(ValueError, match="JSON"):
            run.write_json("summary.json", {"a": object()})

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            run.write_json("summary.json", {"a": 2})
    assert json.loads((tmp_path / "summary.json").read_text()) == {"a": 1}
    assert [item.name for item in tmp_path.iterdir() if item.name.endswith(".tmp")] == []


def test_write_whole_keeps_ordinary_rights(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_a_metric_that_cannot_be_written_leaves_no_part(tmp_path: Path) -> None:
    """The process's own file size limit stands for a full disk: the system writes what fits, then fails."""
    program = f"""
import resource, signal
from coderl_env.experiment.run_folder import RunFolder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = RunFolder.open({str(tmp_path)!r}, {CONFIG!r})
run.log("rl", 1, {{"loss": 1.0}})
size = (run.path / "metrics.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
try:
    run.log("rl", 2, {{"loss": 1.0}})
except OSError as error:
    print(error.errno, (run.path / "metrics.jsonl").stat().st_size - size)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [str(errno.EFBIG), "0"]


def test_tensorboard_gets_the_finite_figures(tmp_path: Path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.log("rl", 1, {"loss": 1.5, "ratio": float("nan")})
        run.log("rl", 2, {"loss": 0.5})
    (file,) = (tmp_path / "tensorboard").iterdir()
    found = [event for event in loading.EventFileLoader(str(file)).Load() if event.summary.value]
    values = [(event.step, event.summary.value[0].tag, event.summary.value[0].tensor.float_val[0]) for event in found]
    assert values == [(1, "rl/loss", 1.5), (2, "rl/loss", 0.5)]


def test_a_run_does_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "find_spec", lambda _: None)
    with RunFolder.open(tmp_path, CONFIG) as run:
        run.log("rl", 1, {"loss": 1.5})
        assert len(run.metrics()) == 1
    assert not (tmp_path / "tensorboard").exists()


def test_weights_and_biases_gets_the_finite_figures_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[dict] = []
    logged: list[dict] = []

    class FakeRun:
        def log(self, figures: dict) -> None:
            logged.append(figures)

        def finish(self) -> None:
            logged.append({"finished": True})

    def init(**arguments: object) -> FakeRun:
        begun.append(arguments)
        return FakeRun()

    fake = types.SimpleNamespace(init=init, Settings=dict, errors=types.SimpleNamespace(Error=RuntimeError))
    monkeypatch.setitem(sys.modules, "wandb", fake)
    with RunFolder.open(tmp_path / "quiet", CONFIG) as run:
        run.log("rl", 1, {"loss": 1.5})
    assert begun == []
    monkeypatch.setenv(events.WANDB_VARIABLE, "my-project")
    for step in (1, 2):
        with RunFolder.open(tmp_path / "run", CONFIG) as run:
            run.log("rl", step, {"loss": 1.5, "ratio": float("nan")})
    assert [(run["project"], run["name"], run["resume"]) for run in begun] == [("my-project", "run", "allow")] * 2
    assert begun[0]["id"] == begun[1]["id"]
    assert logged[:2] == [{"rl/loss": 1.5, "rl/step": 1}, {"finished": True}]


def test_an_unused_folder_can_be_discarded(tmp_path: Path) -> None:
    RunFolder.open(tmp_path / "run", CONFIG).discard_unused()
    assert not (tmp_path / "run").exists()


def test_a_used_folder_is_never_discarded(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", CONFIG)
    run.log("rl", 1, {"loss": 1.0})
    run.discard_unused()
    assert len(read_metrics(tmp_path / "run")) == 1
    other = RunFolder.open(tmp_path / "other", CONFIG)
    (other.checkpoints / "weights").write_text("x")
    other.discard_unused()
    assert (tmp_path / "other" / "checkpoints" / "weights").exists()


def test_closing_twice_is_legal(tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path, CONFIG)
    assert run.samples.count() == 0
    run.close()
    run.close()
