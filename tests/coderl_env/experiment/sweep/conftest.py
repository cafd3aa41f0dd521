"""A sweep of a second or two, and agents that misbehave."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from coderl_env.experiment.sweep.worker import Order, attempt

SMALL: dict[str, Any] = {
    "name": "small",
    "env": "synth",
    "agents": ["random"],
    "settings": {
        "difficulties": ["1"],
        "eval_problems": 3,
        "eval_samples": 2,
        "problems_per_step": 2,
        "samples_per_step": 2,
        "max_program_tokens": 12,
        "action_mode": "program",
    },
    "budget": {"steps": 3},
}

AGENTS = '''
"""Agents that misbehave, each in its own way."""
import time
from pathlib import Path


class Agent:
    def __init__(self, spec, fault=None):
        self.fault = fault

    def begin(self, tasks, sampling):
        pass

    def act(self, observations, infos):
        if self.fault == "hangs":
            time.sleep(1000)
        return ["print(1)"] * len(observations)

    def learn(self, episodes):
        if self.fault == "raises":
            raise RuntimeError("I will not learn")
        return {"loss": float("nan") if self.fault == "nan" else 0.5}

    def save(self, path):
        if self.fault == "full":
            raise OSError(28, "No space left on device", str(path))
        Path(path).mkdir(parents=True, exist_ok=True)


def make(spec, fault=None):
    return Agent(spec, fault)
'''


class InlineCell:
    """A cell that has ended by the time it is looked at."""

    def __init__(self, order: Order) -> None:
        self.started = time.monotonic()
        self._messages: list[tuple[Any, ...]] = []
        self._messages.append(attempt(order, self._messages.append))

    def messages(self) -> Iterator[tuple[Any, ...]]:
        yield from self._messages

    def ending(self) -> None:
        return None

    def stop(self) -> None: ...

    def finish(self) -> None: ...

    def kill(self) -> None: ...


class InlineLauncher:
    """Runs cells in this process, one after another: starting a process takes longer than they do."""

    processors = 2

    def start(self, order: Order) -> InlineCell:
        return InlineCell(order)

    def wait(self, cells: Sequence[InlineCell], seconds: float) -> None: ...


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> InlineLauncher:
    """Return a launcher that needs no processes; what agents put into `sys` is taken back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "misbehaving", raising=False)
    return InlineLauncher()


@pytest.fixture
def small() -> Callable[..., dict[str, Any]]:
    """Return the mapping of a small sweep, with the changes that are passed."""

    def make(**changes: Any) -> dict[str, Any]:
        return {**copy.deepcopy(SMALL), **changes}

    return make


@pytest.fixture
def agents_file(tmp_path: Path) -> Path:
    """Return a file with agents that misbehave; `make` takes the setting `fault`."""
    file = tmp_path / "misbehaving.py"
    file.write_text(AGENTS)
    return file
