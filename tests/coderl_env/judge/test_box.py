"""Folders of zygotes: locked while they are used, removed by the next one when their trainer was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coderl_env.judge import box as box_module
from coderl_env.judge.box import Box

_TRAINER = """
import sys
import time
from coderl_env.judge import Judge, box
from coderl_env.problem import Problem, StdioCase
box._memory_folder = lambda: sys.argv[1]
judge = Judge(workers=1)
judge.judge("print(1)", Problem("p", "", (StdioCase("", "1"),)))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(box_module, "_memory_folder", lambda: str(tmp_path))
    return tmp_path


def _age(folder: Path, seconds: float = 3600) -> None:
    then = time.time() - seconds
    os.utime(folder, (then, then))


def test_a_box_that_nobody_holds_is_removed_by_the_next(parent: Path) -> None:
    abandoned = parent / "coderl-box-abandoned"
    (abandoned / "work").mkdir(parents=True)
    (abandoned / "work" / "left").write_text("x")
    _age(abandoned)
    box = Box()
    assert sorted(parent.iterdir()) == [Path(box.path)]
    box.remove()
    assert not list(parent.iterdir())


def test_a_box_in_use_and_a_new_one_stay(parent: Path) -> None:
    used = Box()
    _age(Path(used.path))
    fresh = parent / "coderl-box-fresh"
    fresh.mkdir()
    other = parent / "something-else"
    other.mkdir()
    _age(other)
    box = Box()
    assert sorted(parent.iterdir()) == sorted([Path(used.path), Path(box.path), fresh, other])
    for each in (used, box):
        each.remove()


def test_a_link_is_not_followed(parent: Path) -> None:
    target = parent / "target"
    target.mkdir()
    (target / "kept").write_text("x")
    (parent / "coderl-box-link").symlink_to(target)
    _age(target)
    Box().remove()
    assert (target / "kept").exists()


@pytest.mark.slow
def test_what_a_killed_trainer_left_is_removed(parent: Path) -> None:
    trainer = subprocess.Popen([sys.executable, "-c", _TRAINER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert trainer.stdout is not None
    assert trainer.stdout.readline() == "ready\n"
    left = list(parent.glob("coderl-box-*"))
    assert left
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    trainer.stdout.close()
    deadline = time.monotonic() + 30
    while any(folder.exists() for folder in left) and time.monotonic() < deadline:
        for folder in left:
            if folder.exists():
                _age(folder)
        Box().remove()
        time.sleep(0.1)
    assert not any(folder.exists() for folder in left)
