"""`coderl train`: the thin layer over `coderl_env.experiment.training`, with a small agent of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import coderl_env.judge.worker as worker
from coderl_env.cli import train as train_module
from coderl_env.cli.train import build_config, default_folder
from coderl_env.experiment.training import MAIN_LEVELS, TrainConfig

# An agent that writes the same program for everything, and takes its time where it is told to.
AGENT = """
import time
from pathlib import Path

class Constant:
    def __init__(self, text, seconds):
        self.text, self.seconds = text, seconds
    def begin(self, tasks, sampling):
        pass
    def act(self, observations, infos):
        time.sleep(self.seconds)
        return [self.text for _ in observations]
    def learn(self, episodes):
        return {"episodes": len(episodes)}
    def save(self, path):
        Path(path).mkdir(parents=True, exist_ok=True)
        (Path(path) / "text").write_text(self.text)

def make(spec, *, text="print(1)", seconds=0.0):
    return Constant(text, seconds)
"""
SMALL = ["--set", "action_mode=program", "--set", "problems_per_step=2", "--set", "samples_per_step=2"]
SMALL += ["--set", "eval_problems=3", "--set", "eval_samples=5", "--set", "judge_workers=1"]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of an agent of the user's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "constant_agent.py").write_text(AGENT)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    sys.modules.pop("constant_agent", None)
    return "constant_agent:make"


def test_a_run_ends_in_a_table_and_a_folder(coderl: Callable[..., Any], agent: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = coderl("train", "--agent", agent, "--out", out, "--steps", 2, *SMALL)
    assert run.status == 0, run.err
    assert "pass@1" in run.out
    assert "3 problems, 5 samples each" in run.out
    names = {item.name for item in out.iterdir()}
    assert {"config.json", "metrics.jsonl", "samples.sqlite", "summary.json", "report.md", "checkpoints"} <= names
    summary = json.loads((out / "summary.json").read_text())
    assert summary["agent"] == agent
    assert summary["evaluation"]["rl"]["outcomes"]["passed"] == 0
    again = coderl("train", "--agent", agent, "--out", out, "--steps", 2, *SMALL, "--json")
    assert again.status == 0
    assert "resuming" in again.err
    assert json.loads(again.out)["evaluation"] == summary["evaluation"]


def test_the_same_command_finds_its_folder_and_another_has_its_own() -> None:
    config = TrainConfig()
    assert default_folder(config) == default_folder(TrainConfig())
    assert default_folder(config) != default_folder(TrainConfig(rl_steps=3))
    assert default_folder(TrainConfig(agent="my.package:make", seed=4)).name.startswith("synth-package-make-seed4-")


def test_other_settings_in_the_same_folder_are_refused(coderl: Callable[..., Any], agent: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert coderl("train", "--agent", agent, "--out", out, "--steps", 1, *SMALL).status == 0
    before = {item: item.read_bytes() for item in out.rglob("*") if item.is_file()}
    run = coderl("train", "--agent", agent, "--out", out, "--steps", 1, "--seed", 1, *SMALL)
    assert run.status == 2
    assert "seed is 0 there and 1 here" in run.err
    assert {item: item.read_bytes() for item in out.rglob("*") if item.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "synht"], "did you mean 'synth'"),
        (["--agent", "ranodm"], "did you mean 'random'"),
        (["--set", "reward=codrl"], "did you mean 'coderl'"),
        (["--set", "comparator=line"], "unknown comparator 'line'"),
        (["--split", "tran"], "did you mean 'train'"),
        (["--eval-split", "tset"], "did you mean 'test'"),
        (["--difficulty", "9"], "unknown level"),
        (["--env", "apps"], "coderl datasets fetch apps"),
        (["--env", "apps", "--data-dir", "/nowhere"], "/nowhere does not exist"),
        (["--tokenizer", "/nowhere/tokenizer"], "/nowhere/tokenizer"),
        (["--isolation", "bubble"], "unknown isolation 'bubble'"),
        (["--set", "rl_seconds=soon"], "must be a number or null"),
        (["--set", "temperature=-1"], "temperature"),
        (["--set", "eval_problems=0"], "eval_problems"),
        (["--set", "txet=1"], "did you mean 'text'"),
        (["--set", "seed=3", "--seed", "4"], "leave one out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    coderl: Callable[..., Any],
    agent: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.delenv("CODERL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    named = [] if "--agent" in arguments else ["--agent", agent]
    run = coderl("train", *named, "--out", tmp_path / "run", "--steps", 1, *SMALL, *arguments)
    assert run.status == 2, run.err
    assert message in run.err
    assert len([line for line in run.err.splitlines() if line.startswith("coderl: ")]) == 1
    assert "Traceback" not in run.err
    assert run.out == ""
    assert not (tmp_path / "run").exists()


def test_a_test_with_a_wrong_type_is_named_with_its_place(
    coderl: Callable[..., Any], agent: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"task_id": "x/1", "prompt": "Say hi.", "inputs": [""], "outputs": [{"a": 1}], "split": "train"}]
    (data / "apps.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["--env", "apps", "--data-dir", data, "--eval-split", "train", "--out", tmp_path / "run", *SMALL]
    run = coderl("train", "--agent", agent, *arguments)
    assert run.status == 2
    assert "apps.jsonl, line 1" in run.err
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_is_told(coderl: Callable[..., Any], agent: str, tmp_path: Path) -> None:
    place = Path("/proc/coderl") if os.geteuid() == 0 else tmp_path / "closed" / "run"
    if os.geteuid() != 0:
        place.parent.mkdir(mode=0o500)
    run = coderl("train", "--agent", agent, "--out", place, *SMALL)
    assert run.status == 2
    assert str(place) in run.err
    assert "Traceback" not in run.err


def test_a_file_in_the_folders_place_is_told(coderl: Callable[..., Any], agent: str, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    run = coderl("train", "--agent", agent, "--out", tmp_path / "run", *SMALL)
    assert run.status == 2
    assert "is a file" in run.err
    assert (tmp_path / "run").read_text() == "mine"


def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(agent: str, tmp_path: Path) -> None:
    """On a file system of its own, of a size that holds the beginning of a run and no more."""
    room = tmp_path / "room"
    room.mkdir()
    coderl = Path(sys.executable).parent / "coderl"
    train = f"{coderl} train --agent {agent} --out {room}/run --steps 40 {' '.join(SMALL)}"
    script = f"""
mount -t tmpfs -o size=400k tmpfs {room} || exit 77
{train}
echo "first: $?"
mount -o remount,size=100m {room}
{train} --json > /dev/null
echo "second: $?"
"""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this machine lets nobody mount a file system of his own")
    assert "first: 2" in done.stdout, done.stderr
    assert "second: 0" in done.stdout, done.stderr
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_stops_and_the_same_command_goes_on(agent: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    coderl = str(Path(sys.executable).parent / "coderl")
    command = [coderl, "train", "--agent", agent, "--out", str(out), "--steps", "4", "--set", "seconds=0.3", *SMALL]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    assert "the same command goes on: coderl train" in stderr
    assert "Traceback" not in stderr
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "resuming" in done.stderr
    assert json.loads(done.stdout)["evaluation"]["rl"]["problems"] == 3


def test_a_machine_without_isolation_is_told_what_to_type(
    coderl: Callable[..., Any], agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object, **__: object) -> None:
        raise worker.UnavailableTier("no Landlock here")

    monkeypatch.setattr(worker, "Zygote", unavailable)
    run = coderl("train", "--agent", agent, "--out", tmp_path / "run", "--steps", 1, *SMALL)
    assert run.status == 2
    assert "no Landlock here" in run.err
    assert "--isolation none" in run.err
    assert not (tmp_path / "run").exists()


def test_settings_go_where_they_belong() -> None:
    given = {"env": "CodeRL-Synth-v0", "seed": 0}
    config = build_config(given, "nano", None, {"rl_seconds": 5, "beam": 2})
    assert config.rl_seconds == 5.0
    assert config.settings == {"model": "nano", "beam": 2}


def test_steps_take_the_place_of_seconds() -> None:
    config = build_config({"env": "CodeRL-Synth-v0"}, None, 2, {"rl_steps": 3})
    assert (config.warm_start_steps, config.critic_steps, config.rl_steps) == (2, 2, 3)
    assert (config.warm_start_seconds, config.critic_seconds, config.rl_seconds) == (None, None, None)


def test_an_environment_brings_its_windows() -> None:
    config = build_config({"env": "CodeRL-APPS-v0"}, None, None, {"max_program_tokens": 99})
    assert (config.max_prompt_tokens, config.max_program_tokens) == (600, 99)


@pytest.mark.parametrize("value", [("model", "x"), ("seed", 5)])
def test_a_value_given_twice_is_refused(value: tuple[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave one out"):
        build_config({"env": "CodeRL-Synth-v0", "seed": 4}, "nano", None, dict([value]))


def test_the_defaults_of_the_command_are_those_of_the_library(
    coderl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[TrainConfig] = []
    monkeypatch.setattr(train_module, "train", lambda config, *_, **__: seen.append(config) or {})
    assert coderl("train", "--out", tmp_path / "run").status == 0
    assert seen == [TrainConfig(difficulties=MAIN_LEVELS)]


@pytest.mark.parametrize(
    ("options", "difficulties"),
    [(["--difficulty", "all"], None), (["--difficulty", "3"], ("3",)), (["--env", "apps"], None)],
)
def test_the_main_levels_are_the_main_job_s_alone(
    options: list[str],
    difficulties: tuple[str, ...] | None,
    coderl: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    seen: list[TrainConfig] = []
    monkeypatch.setattr(train_module, "train", lambda config, *_, **__: seen.append(config) or {})
    assert coderl("train", "--out", tmp_path / "run", *options).status == 0
    assert seen[0].difficulties == difficulties
