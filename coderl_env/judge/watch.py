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

from coderl_env.judge.wire import FrameTooLargeError

_POLL_SECONDS = 0.02
_MAX_THREADS = 128
MAX_FILES = 1000
MAX_FILE_BYTES = 64 << 20
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


class Exchange:
    """A question to a child, and the place for its answer.

    Args:
        connection: to the child, which may do with its end whatever it likes.
        question: bytes to be sent.
        place: where the answer is written.
        missing: given what has come, returns how many bytes are still to come, at least; no more are read. It raises
            `FrameTooLargeError` where the child says that there will be too many.

    Attributes:
        received: bytes of the answer so far.
    """

    def __init__(
        self,
        connection: socket.socket,
        question: memoryview | bytes,
        place: memoryview,
        missing: Callable[[memoryview], int],
    ) -> None:
        self.connection = connection
        self.received = 0
        self._rest = memoryview(question)
        self._place = place
        self._missing = missing
        self._wanted = missing(place[:0])

    @property
    def events(self) -> int:
        """What to poll the connection for."""
        return select.POLLIN | (select.POLLOUT if self._rest else 0)

    def go_on(self, events: int) -> str | None:
        """Send and take what is possible now.

        Returns:
            `answered`, a reason to kill the child, nothing yet, or None where nothing will come any more.
        """
        if events & select.POLLOUT and self._rest:
            try:
                self._rest = self._rest[self.connection.send(self._rest, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                pass
            except OSError:
                self._rest = self._rest[:0]  # it does not listen; its record says how it ended
        if not events & ~select.POLLOUT:
            return ""
        try:
            end = min(self.received + self._wanted, len(self._place))
            count = self.connection.recv_into(self._place[self.received : end], 0, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return ""
        except OSError:
            return None
        if not count:
            return None
        self.received += count
        try:
            self._wanted = self._missing(self._place[: self.received])
        except FrameTooLargeError:
            return "output"
        if self._wanted:
            return "output" if self.received == len(self._place) else ""
        # An answer to a question that was not even heard is no answer.
        return "answer" if self._rest else "answered"


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

    def wait(self, exchange: Exchange | None = None) -> Usage:
        """Wait until the child ends, or answers in `exchange`; kill it at a limit. Unless it answered, it is reaped.

        Time that the child spent waiting for a processor is not its own and extends the wall limit.
        """
        usage = self._usage
        ready = _Readiness(self._pid, exchange)
        try:
            while True:
                left = self._cpu_limit - usage.cpu_seconds
                ended, usage.reason = ready.wait(min(_POLL_SECONDS, max(left / 2, 0.002)))
                if usage.reason == "answered":
                    usage.cpu_seconds = cpu_seconds_of(self._pid)
                    return usage
                if ended:
                    break
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
    """Waits for a child's end and for what its connection can do."""

    def __init__(self, pid: int, exchange: Exchange | None) -> None:
        self._pid = pid
        self._exchange = exchange
        self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        self._poll = select.poll()
        if self._descriptor >= 0:
            self._poll.register(self._descriptor, select.POLLIN)

    def wait(self, seconds: float) -> tuple[bool, str]:
        """Wait at most `seconds`; return whether the child has ended, and what the exchange says of its answer."""
        if self._descriptor < 0:
            seconds = min(seconds, 0.002)
        exchange = self._exchange
        if exchange is not None:
            self._poll.register(exchange.connection, exchange.events)
        events = dict(self._poll.poll(seconds * 1000))
        if exchange is not None and exchange.connection.fileno() in events:
            found = exchange.go_on(events[exchange.connection.fileno()])
            if found is not None:
                # What is left to read comes before the end.
                return False, found
            self._poll.unregister(exchange.connection)
            self._exchange = None
        if self._descriptor >= 0:
            return self._descriptor in events, ""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None, ""

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


def memory_of(pid: int) -> tuple[int, int]:
    """Return the mapped and the resident bytes of a process; 0 where the kernel does not say."""
    try:
        mapped, resident, *_ = _read(f"/proc/{pid}/statm").split()
    except OSError:
        return 0, 0
    return int(mapped) * resource.getpagesize(), int(resident) * resource.getpagesize()


def peak_bytes(pid: int) -> int:
    """Return the peak of a process's resident memory so far; 0 where the kernel does not say."""
    try:
        lines = _read(f"/proc/{pid}/status").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(b"VmHWM:")), 0)


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
            if count > MAX_FILES or size > MAX_FILE_BYTES:
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
