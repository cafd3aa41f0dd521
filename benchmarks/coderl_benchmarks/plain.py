"""Trusted reference programs in a plain Python, without a judge: what the judge's answers are held against."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["PlainRun", "run_calls", "run_stdio", "run_tests"]

_DRIVER = Path(__file__).with_name("plain_driver.py")
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"}
# Against accidents, not attacks: processor seconds and kibibytes of address space.
_LIMITED = 'ulimit -t 60; ulimit -v 4194304; exec "$@"'

Answer = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class PlainRun:
    """What became of one run.

    Attributes:
        status: exit status, negative for a signal, or None where it took too long.
        output: standard output.
    """

    status: int | None
    output: bytes


def run_stdio(program: str, stdin: str, seconds: float = 60.0) -> PlainRun:
    """Run `python program.py` with `stdin` as its standard input, in an empty directory."""
    with tempfile.TemporaryDirectory(prefix="coderl-plain-") as folder:
        Path(folder, "program.py").write_text(program, encoding="utf-8")
        return _run(["program.py"], stdin.encode(), folder, seconds)


def run_calls(
    program: str, entry_point: str, calls: Sequence[Sequence[Any]], seconds: float = 120.0
) -> list[Answer] | None:
    """Load `program` and call its function with each list of arguments; None where it took too long.

    An answer is `("value", result)`, `("opaque", class name)` or `("error", exception name)`.
    """
    return _drive({"program": program, "entry_point": entry_point, "calls": [list(call) for call in calls]}, seconds)


def run_tests(program: str, tests: Sequence[str], seconds: float = 120.0) -> list[Answer] | None:
    """Load `program` and run each test's code among its names; None where it took too long.

    An answer is `("ok", None)` or `("error", exception name)`.
    """
    return _drive({"program": program, "tests": list(tests)}, seconds)


def _drive(request: dict[str, Any], seconds: float) -> list[Answer] | None:
    with tempfile.TemporaryDirectory(prefix="coderl-plain-") as folder:
        run = _run([str(_DRIVER)], pickle.dumps(request), folder, seconds)
    if run.status is None:
        return None
    if run.status != 0:
        parts = request.get("calls") or request["tests"]
        return [("error", f"exit status {run.status}")] * len(parts)
    answers: list[Answer] = pickle.loads(run.output)
    return answers


def _run(arguments: Sequence[str], stdin: bytes, folder: str, seconds: float) -> PlainRun:
    """Run a Python with files for its input and output, as `python program.py < input > output` does."""
    command = ["/bin/sh", "-c", _LIMITED, "sh", sys.executable, *arguments]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as written:
        given.write(stdin)
        given.seek(0)
        try:
            done = subprocess.run(
                command,
                stdin=given,
                stdout=written,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=_ENVIRONMENT,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return PlainRun(None, b"")
        written.seek(0)
        return PlainRun(done.returncode, written.read())
