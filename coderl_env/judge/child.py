"""What a child does before the program has it: takes its descriptors, gives up its power, compiles.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import contextlib
import enum
import json
import marshal
import os
import struct
import time
import types
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from coderl_env.judge import sandbox, seccomp
from coderl_env.judge.calls import serve_calls
from coderl_env.judge.interpreter import CHANNEL, PROGRAM_FILE, describe, exit_now
from coderl_env.judge.script import run_program

# Closed before the program runs: the socket on which the child says what came of compiling and is told to go on, the
# source, and the compiled code for the children after it.
READY, SOURCE, CODE = 4, 5, 6
# The zygote keeps descriptors of /dev/null there, so that none of its own is in a child's way.
RESERVED = (CHANNEL, READY, SOURCE, CODE)
# What it says: that it compiled, followed by its processor time; what is wrong with the source; that it could not be
# confined. And what it is told.
COMPILED, REFUSED, UNCONFINED, GO = b"c", b"x", b"0", b"g"
# Where a confined child leaves the offset of the source, which all that hold the descriptor share: a word that wakes
# nobody, and is there even if compiling kills the child.
CONFINED = 1

# What a child is bound by. `session` is all that tier none has to end what a program started; in tier strict the end of
# the pid namespace ends everything, elsewhere a child dies with its zygote (`orphans`).
GUARDS = frozenset({"limits", "privileges", "files", "calls", "descriptors", "environment", "session", "orphans"})


class Confinement(NamedTuple):
    """What binds a child, prepared once by the zygote, which has given up its privileges by then.

    Attributes:
        guards: what is in force, out of `GUARDS`.
        ruleset: descriptor of the Landlock ruleset, or -1.
        filter: the system call filter, or None.
        directory: the private directory, in which all these processes are; emptied between tests.
        mapped_bytes: address space of the zygote.
        resident_bytes: memory of the zygote.
    """

    guards: frozenset[str]
    ruleset: int
    filter: seccomp.Filter | None
    directory: str
    mapped_bytes: int
    resident_bytes: int


class Job(enum.Enum):
    """What a child is for."""

    RUN = enum.auto()
    SERVE_CALLS = enum.auto()


class Start(enum.Enum):
    """When a child lets the program run: at once; having said that it compiled; having said so and been told `GO`."""

    AT_ONCE = enum.auto()
    SAYING = enum.auto()
    WHEN_TOLD = enum.auto()


class Task(NamedTuple):
    """What a child does, and when it starts."""

    job: Job
    start: Start


def begin(
    task: Task, files: Sequence[int], confinement: Confinement, limits: Mapping[str, Any], cpu_seconds: float
) -> NoReturn:
    """Become the child: take `files` as descriptors 0, 1, 2 and so on, give up all power, carry out `task`."""
    ready = files[READY]
    try:
        # None of the zygote's is in the way: the low places are reserved.
        for place, descriptor in enumerate(files):
            os.dup2(descriptor, place)
        ready = READY
        _confine(confinement, limits, cpu_seconds)
        os.lseek(SOURCE, CONFINED, os.SEEK_SET)
    except BaseException as error:  # noqa: BLE001 - a child that is not confined must never run the program
        os.write(ready, UNCONFINED + repr(error).encode())
        exit_now(1)
    several = len(files) > CODE
    code = _load_code() if several else None
    if code is None:
        code = _compile()
        if several:
            _keep_code(code)
    if task.start is not Start.AT_ONCE:
        os.write(READY, COMPILED + struct.pack("=d", time.process_time()))
    if task.start is Start.WHEN_TOLD and os.read(READY, 1) != GO:
        exit_now(1)
    os.closerange(READY, CODE + 1)
    if "limits" in confinement.guards:
        sandbox.limit_output(limits)
    if task.job is Job.SERVE_CALLS:
        serve_calls(code)
    run_program(code)


def _confine(confinement: Confinement, limits: Mapping[str, Any], cpu_seconds: float) -> None:
    """Bind the calling process for good: limits, files, descriptors, system calls.

    Raises:
        SandboxError: a part of it was refused; the program must not run.
    """
    guards = confinement.guards
    if "limits" in guards:
        sandbox.limit_program(limits, cpu_seconds, confinement.mapped_bytes)
    if "session" in guards:
        os.setsid()
    elif "orphans" in guards:
        sandbox.set_death_signal()
    if "files" in guards:
        sandbox.restrict_files(confinement.ruleset)
    if "descriptors" in guards:
        os.closerange(CODE + 1, 1024)
    if confinement.filter is not None:
        confinement.filter.install()


def _compile() -> types.CodeType:
    """Compile the source as `python program.py` would; say what is wrong with it, and exit, if that fails."""
    try:
        return compile(_read_all(SOURCE), PROGRAM_FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        description = {**describe(error), "line": getattr(error, "lineno", None)}
        os.write(READY, REFUSED + json.dumps(description).encode("ascii"))
        exit_now(0)


def _keep_code(code: types.CodeType) -> None:
    """Leave the code to the children after this one; without it they compile for themselves."""
    with contextlib.suppress(ValueError):  # nested more deeply than marshal goes
        data = memoryview(marshal.dumps(code))
        while data:
            data = data[os.write(CODE, data) :]


def _load_code() -> types.CodeType | None:
    """Return what the first child left, before it ran anything of the program; None for the first itself."""
    data = _read_all(CODE)
    return marshal.loads(data) if data else None


def _read_all(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
