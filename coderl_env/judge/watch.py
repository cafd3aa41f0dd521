"""Watches one child of the judge: waits for its end or its answer, and kills it at a limit.

What counts is what the kernel says of the process; the program cannot change it. Loaded by path into the judge's small
processes; standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_POLL_SECONDS = 0.02
_MAX_THREADS = 128
_MAX_FILES = 1000
_MAX_FILE_BYTES = 64 << 20
# However long a starved machine keeps a program waiting, past this multiple of its wall limit it is given up.
_WALL_GRACE = 6.0
# Linux counts kibibytes, macOS bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(slots=True)
class Usage:
    """What was seen of a child.

    Attributes:
        reason: `answered`; why it was killed (`cpu`, `wall`, `memory`, `output`, `threads`, `files`); or empty.
        status: as of `os.wait4`, once it has ended.
        cpu_seconds: processor time since its birth.
        memory_bytes: peak of its resident memory beyond what it was born with.
    """

    reason: str = ""
    status: int = 0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0


class Watch:
    """One wait for a child.

    Args:
        pid: the child.
        limits: limits of the test, as `dataclasses.asdict` of `Limits`.
        cpu_limit: processor time since the child's birth at which it is killed, in seconds.
        directory: its private directory.
        base_memory: resident bytes it was born with.
    """

    def __init__(self, pid: int, limits: dict[str, Any], cpu_limit: float, directory: str, base_memory: int) -> None:
        self._pid = pid
        self._limits = limits
        self._cpu_limit = cpu_limit
        self._directory = directory
        self._base_memory = base_memory
        self._started = time.monotonic()
        self._usage = Usage()

    def wait(self, connection: socket.socket | None = None, take_answer: Callable[[], str] | None = None) -> Usage:
        """Wait until the child ends, or answers on `connection`; kill it at a limit. Unless it answered, it is reaped.

        Time that the child spent waiting for a processor is not its own and extends the wall limit. `take_answer`
        reads what is there and returns `answered`, a reason to kill the child, or nothing yet.
        """
        usage = self._usage
        ready = _Readiness(self._pid, connection)
        try:
            while True:
                left = self._cpu_limit - usage.cpu_seconds
                event = ready.wait(min(_POLL_SECONDS, max(left / 2, 0.002)))
                if event == "ended":
                    break
                if event == "answer" and take_answer is not None:
                    usage.reason = take_answer()
                    if usage.reason == "answered":
                        usage.cpu_seconds = cpu_seconds_of(self._pid)
                        return usage
                usage.reason = usage.reason or self._exceeded()
                if usage.reason:
                    os.kill(self._pid, signal.SIGKILL)
                    break
        finally:
            ready.close()
        self._reap()
        return usage

    def _reap(self) -> None:
        usage = self._usage
        _, usage.status, spent = os.wait4(self._pid, 0)
        usage.cpu_seconds = spent.ru_utime + spent.ru_stime
        usage.memory_bytes = max(spent.ru_maxrss * _MAXRSS_UNIT - self._base_memory, usage.memory_bytes)
        if not usage.reason and usage.cpu_seconds > self._cpu_limit:
            usage.reason = "cpu"
        if not usage.reason and usage.memory_bytes > self._limits["memory_bytes"]:
            usage.reason = "memory"

    def _exceeded(self) -> str:
        """Return which limit the running child exceeds, or an empty string."""
        usage = self._usage
        usage.cpu_seconds = cpu_seconds_of(self._pid)
        if usage.cpu_seconds > self._cpu_limit:
            return "cpu"
        elapsed = time.monotonic() - self._started
        wall = self._limits["wall_seconds"]
        if elapsed > wall and (elapsed - _seconds_waiting(self._pid) > wall or elapsed > wall * _WALL_GRACE):
            return "wall"
        threads, resident = _threads_and_memory(self._pid)
        usage.memory_bytes = max(usage.memory_bytes, resident - self._base_memory)
        if usage.memory_bytes > self._limits["memory_bytes"]:
            return "memory"
        if threads > _MAX_THREADS:
            return "threads"
        return "files" if _holds_too_much(self._directory) else ""


class _Readiness:
    """Tells whether a child has ended or its connection has something to read."""

    def __init__(self, pid: int, connection: socket.socket | None) -> None:
        self._pid = pid
        self._connection = connection
        self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        self._poll = select.poll()
        if self._descriptor >= 0:
            self._poll.register(self._descriptor, select.POLLIN)
        if connection is not None:
            self._poll.register(connection.fileno(), select.POLLIN)

    def wait(self, seconds: float) -> str:
        """Return `answer`, `ended`, or an empty string after `seconds`."""
        if self._descriptor < 0:
            seconds = min(seconds, 0.002)
        events = dict(self._poll.poll(seconds * 1000))
        if self._connection is not None and events.get(self._connection.fileno(), 0) & select.POLLIN:
            if self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                return "answer"
            self._poll.unregister(self._connection.fileno())
            return ""
        if self._descriptor >= 0:
            return "ended" if self._descriptor in events else ""
        ended = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return "ended" if ended is not None else ""

    def close(self) -> None:
        """Release the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)


def cpu_seconds_of(pid: int) -> float:
    """Return the processor time of a running or dead, not yet reaped process."""
    try:
        # The kernel's number for the clock of process `pid`.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 where the kernel does not say."""
    return _threads_and_memory(pid)[1]


def _threads_and_memory(pid: int) -> tuple[int, int]:
    """Return the number of threads and the resident bytes of a process; 0 where the kernel does not say."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[17]), int(fields[21]) * resource.getpagesize()


def _seconds_waiting(pid: int) -> float:
    """Return how long a process was ready to run but had no processor; 0 where the kernel does not say."""
    try:
        return int(_read(f"/proc/{pid}/schedstat").split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _read(path: str) -> bytes:
    """Return the beginning of a small file of /proc."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def _holds_too_much(directory: str) -> bool:
    """Whether a private directory has more files or bytes than a program may leave."""
    count = size = 0
    pending = [directory]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EACCES):
                return True  # no honest program hides its files where no path reaches, or from its own user
            continue
        for entry in entries:
            count += 1
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_size
            if count > _MAX_FILES or size > _MAX_FILE_BYTES:
                return True
    return False


def kill_stragglers(group: int) -> None:
    """Kill and reap what a child left behind, where nothing forbade it to start processes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for orphan in _children():
                os.kill(orphan, signal.SIGKILL)
            time.sleep(0.001)


def _children() -> list[int]:
    try:
        text = _read(f"/proc/self/task/{os.getpid()}/children").decode()
    except OSError:
        return []
    return [int(pid) for pid in text.split()]
