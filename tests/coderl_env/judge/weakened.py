"""Runs a probe on a deliberately weakened judge: a naive one, or the real one with a guard or a rule removed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from coderl_env.judge.canaries import Canaries
from coderl_env.judge.probe_suite import Probe
from coderl_env.judge.process import HelperFailure
from coderl_env.judge.trial import Settings, Trial
from coderl_env.judge.worker import Worker
from coderl_env.problem import Limits, Problem

__all__ = ["COMPARATORS", "GUARDS", "HANGS", "Fate", "Weakened"]

_NAIVE = Path(__file__).with_name("naive") / "server.py"
# How long a naive judge is waited for, in seconds: one that the probe makes hang, and any other.
_SHORT, _LONG = 1.5, 60.0
_FLOOD_BYTES = 1 << 20
# The real judge, in the portable tier, without these guards of `child.GUARDS`.
GUARDS = {
    "without_calls": ("calls",),
    "without_files": ("files",),
    "without_descriptors": ("descriptors",),
    "without_environment": ("environment",),
    "without_privileges": ("privileges",),
    "without_limits": ("limits",),
    "without_calls_and_files": ("calls", "files"),
    "without_calls_and_privileges": ("calls", "privileges"),
    "without_calls_files_and_privileges": ("calls", "files", "privileges"),
}
# Probes that make their naive judge wait for ever.
HANGS = frozenset(
    {
        "attack_callback_flood_assert",
        "attack_endless_getitem_assert",
        "attack_endless_iterator_assert",
        "attack_endless_iterator_in_every_assert",
        "attack_endless_large_answers_assert",
        "attack_exception_text_is_endless",
        "attack_exponential_list_answer_call",
        "attack_garbage_on_all_descriptors",
        "attack_never_reads_its_channel_call",
        "attack_partial_answer_call",
        "attack_grandchild_holds_pipe",
        "attack_hash_collision_answer_assert",
        "attack_hash_collision_answer_call",
        "attack_huge_answer_header_call",
        "attack_huge_decimal_answer_assert",
        "attack_slow_class_answer_call",
        "attack_stops_itself",
        "attack_unbounded_output_in_call",
        "honest_large_output_stdin",
        "honest_many_lines_output_stdin",
    }
)
# The real judge with the wrong rule of comparison.
COMPARATORS = {"apps_comparator": "apps", "floats_comparator": "floats"}


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a weakened judge.

    Attributes:
        ended: `passed` or `failed`, its answer; or `crashed`, `hung`, `exhausted` (all memory taken) or `flooded`.
        harm: what the canaries say.
    """

    ended: str
    harm: tuple[str, ...]


class Weakened:
    """Owns the processes of the weakened judges."""

    def __init__(self) -> None:
        self._workers: dict[tuple[str, ...], Worker] = {}
        self._naive = _Naive()

    def close(self) -> None:
        """End the processes."""
        self._naive.close()
        for worker in self._workers.values():
            worker.close()

    def run(self, probe: Probe) -> Fate:
        """Run a probe on the judge that it names as its control."""
        return self.run_on(probe.control, probe)

    def run_on(self, control: str, probe: Probe) -> Fate:
        """Run a probe on the judge named `control`."""
        hangs = probe.name in HANGS and control == probe.control
        with Canaries(probe.canaries) as canaries:
            program, problem = probe.armed(canaries)
            if control in GUARDS:
                ended = self._run_real(program, problem, GUARDS[control], _SHORT if hangs else _LONG)
            elif control in COMPARATORS:
                ended = self._run_real(
                    program, dataclasses.replace(problem, comparator=COMPARATORS[control]), (), _LONG
                )
            else:
                ended = self._naive.run(control, program, problem, _SHORT if hangs else _LONG)
            if not canaries.harm():
                time.sleep(0.1 if probe.canaries else 0.0)  # a signal takes its time
            return Fate(ended, canaries.harm())

    def _run_real(self, program: str, problem: Problem, without: tuple[str, ...], seconds: float) -> str:
        worker = self._workers.setdefault(without, Worker("portable", without=without))
        timer = threading.Timer(seconds, worker.restart)
        timer.start()
        try:
            judgement = Trial.prepare(program, problem, Settings(Limits(), "lines", "first_limit", "portable")).run(
                worker
            )
        except HelperFailure:
            worker.restart()
            return "crashed"
        finally:
            timer.cancel()
            timer.join()
        return "passed" if judgement.passed else "failed"


class _Naive:
    """The server of the naive judges."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, _NAIVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONDONTWRITEBYTECODE": "1"},
            # What a buffer held, `select` would not see.
            bufsize=0,
        )

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, control: str, program: str, problem: Problem, seconds: float) -> str:
        with tempfile.TemporaryDirectory(prefix="coderl-naive-", ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)
            job, result = Path(folder, "job"), Path(folder, "result")
            job.write_text(json.dumps({"program": program, "problem": problem.to_dict()}), encoding="utf-8")
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{control} {folder}\n".encode())
            pid = int(self._process.stdout.readline())
            hung = not select.select([self._process.stdout], [], [], seconds)[0]
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL) if hung else None
            status, exhausted = map(int, self._process.stdout.readline().split())
            return "hung" if hung else _answer(status, result, bool(exhausted))


def _answer(status: int, result: Path, exhausted: bool) -> str:
    if status != 0 or not result.exists():
        return "crashed"
    if result.stat().st_size > _FLOOD_BYTES:
        return "flooded"
    text = result.read_text(encoding="utf-8")
    # A program may have found the file and written its own verdict there.
    passed = text == "passed" or json.loads(text)["passed"]
    if passed:
        return "passed"
    # How soon an endless loop fills the memory is the machine's business: a faster one does it before it is late.
    return "exhausted" if exhausted else "failed"
