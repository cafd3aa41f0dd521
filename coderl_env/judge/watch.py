"""Watches one child of the judge: waits for its end or its answer, and kills it at a limit.

What counts is what the kernel says of the process; the program cannot change it. Loaded by path into the judge's small
processes; standard library only.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from coderl_env.judge.directory import holds_too_much
from coderl_env.judge.wire import FrameTooLargeError

_POLL_SECONDS = 0.02
_MAX_THREADS = 128
# Processor time in which no program fills as much memory as a limit allows.
_FILLING_SECONDS = 0.004
# However long a starved machine keeps a program waiting, past this multiple of its wall limit it is given up.
_WALL_GRACE = 6.0
# Linux counts kibibytes, macOS bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Usage:
    """What was seen of a child.

    Attributes:
        reason: `answered`; why it was killed (`cpu`, `wall`, `memory`, `output`, `threads`, `files`); or empty.
        status: as of `os.wait4`, once it has ended.
        cpu_seconds: processor time since its birth.
        memory_bytes: peak of its resident memory beyond what it was born with.
    """

    __slots__ = ("cpu_seconds", "memory_bytes", "reason", "status")

    def __init__(self) -> None:
        self.reason = ""
        self.status = 0
        self.cpu_seconds = 0.0
        self.memory_bytes = 0


class Exchange:
    """Questions to a child and its answers, over a connection of which one end is the child's own.

    Args:
        connection: to the child, which may do with its end whatever it likes.
        place: where answers are written, one after the other.
        size: given the beginning of an answer, returns how many bytes it has, at least; as many as that, and it is
            whole. It raises `FrameTooLargeError` where the child says that there will be too many.

    Attributes:
        answers: sizes of the whole answers, from the beginning of the place.
        awaited: how many answers are still to come.
    """

    def __init__(self, connection: socket.socket, place: memoryview, size: Callable[[memoryview], int]) -> None:
        self.connection = connection
        self.answers: list[int] = []
        self.awaited = 0
        self._place = place
        self._size = size
        # Bytes in the place, and those of them that are whole answers.
        self._received = self._whole = 0
        # What is still to be sent, and the sizes of the questions that it holds or ends.
        self._rest = memoryview(b"")
        self._unsent: list[int] = []

    def ask(self, questions: memoryview | bytes, sizes: Sequence[int], answers: int) -> None:
        """Send questions of these sizes from now on, and expect so many answers more."""
        self._rest = memoryview(questions)
        self._unsent = list(sizes)
        self.awaited += answers

    def take(self) -> list[memoryview]:
        """Return the whole answers that are there; they stay where they are until they are forgotten."""
        ends = list(itertools.accumulate(self.answers, initial=0))
        return [self._place[start:end] for start, end in itertools.pairwise(ends)]

    def forget(self) -> None:
        """Drop the whole answers, which makes room for others. Of what follows the last awaited one nothing stays."""
        if not self.awaited:
            self._received = self._whole
        self._place[: self._received - self._whole] = self._place[self._whole : self._received]
        self._received -= self._whole
        self._whole = 0
        self.answers.clear()

    @property
    def beginning(self) -> memoryview:
        """What has come of an answer that is not whole."""
        return self._place[self._whole : self._received]

    @property
    def events(self) -> int:
        """What to poll the connection for."""
        return select.POLLIN | (select.POLLOUT if self._rest else 0)

    def go_on(self, events: int) -> str | None:
        """Send and take what is possible now.

        Returns:
            `answered` where there are more whole answers, a reason to kill the child, nothing yet, or None where
            nothing will come any more.
        """
        if events & select.POLLOUT and self._rest:
            self._send()
        return self._take_in() if events & ~select.POLLOUT else ""

    def _take_in(self) -> str | None:
        """Take what has come, up to the next whole answers."""
        while self._received < len(self._place):
            try:
                count = self.connection.recv_into(self._place[self._received : self._end()], 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return ""
            except OSError:
                return None
            if not count:
                return None
            self._received += count
            try:
                found = self._count_answers()
            except FrameTooLargeError:
                return "output"
            # An answer to a question that was not even heard is no answer.
            if self.awaited < len(self._unsent):
                return "answer"
            if found:
                return "answered"
        return "output"

    def _send(self) -> None:
        try:
            count = self.connection.send(self._rest, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            count = len(self._rest)  # it does not listen; its record says how it ended
        self._rest = self._rest[count:]
        while self._unsent and count >= self._unsent[0]:
            count -= self._unsent.pop(0)
        if self._unsent:
            self._unsent[0] -= count

    def _end(self) -> int:
        """Return up to where to read: not beyond the last answer that is awaited."""
        if self.awaited > 1:
            return len(self._place)
        return min(self._whole + self._size(self.beginning), len(self._place))

    def _count_answers(self) -> bool:
        """Count the answers that are whole now; return whether there are more than before."""
        before = self.awaited
        while self.awaited:
            size = self._size(self.beginning)
            if size > self._received - self._whole:
                break
            self.awaited -= 1
            self.answers.append(size)
            self._whole += size
        return self.awaited < before


class Watch:
    """Watches one child: waits for its end, or for its answers as often as need be.

    Args:
        pid: the child.
        limits: limits of a test, as `dataclasses.asdict` of `Limits`.
        directory: its private directory.
        base_memory: resident bytes that are not its own.
    """

    def __init__(self, pid: int, limits: Mapping[str, Any], directory: str, base_memory: int) -> None:
        self._pid = pid
        self._limits = limits
        self._directory = directory
        self.base_memory = base_memory
        # Processor time of the child when its peak of memory was last asked for.
        self._cpu_when_asked = 0.0
        self._poll = select.poll()
        self._descriptor = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
        if self._descriptor >= 0:
            self._poll.register(self._descriptor, select.POLLIN)

    def wait(self, cpu_limit: float, exchange: Exchange | None = None, wall_seconds: float = 0.0) -> Usage:
        """Wait until the child ends, or answers in `exchange`; kill it at a limit. Unless it answered, it is reaped.

        Time that the child spent waiting for a processor is not its own and extends the wall limit.

        Args:
            cpu_limit: processor time since the child's birth at which it is killed, in seconds.
            exchange: where its answers come, or None.
            wall_seconds: the wall limit where it is more than that of a test.
        """
        usage = Usage()
        started = time.monotonic()
        wall = max(wall_seconds, float(self._limits["wall_seconds"]))
        while True:
            left = cpu_limit - usage.cpu_seconds
            events = self._look(min(_POLL_SECONDS, max(left / 2, 0.002)), exchange)
            if exchange is not None and exchange.connection.fileno() in events:
                found = exchange.go_on(events[exchange.connection.fileno()])
                if found is None:
                    exchange = None
                    continue
                usage.reason = found
                if found == "answered":
                    usage.cpu_seconds = cpu_seconds_of(self._pid)
                    if not self._has_held_too_much(usage):
                        return usage
                    usage.reason = "memory"
            # What is left to read comes before the end.
            elif self._descriptor in events or (self._descriptor < 0 and self._has_ended()):
                break
            usage.reason = usage.reason or self._exceeded(usage, cpu_limit, time.monotonic() - started, wall)
            if usage.reason:
                os.kill(self._pid, signal.SIGKILL)
                break
        self._reap(usage, cpu_limit)
        return usage

    def _has_held_too_much(self, usage: Usage) -> bool:
        """Whether a child that answers has held too much memory meanwhile, if it had the time to."""
        if usage.cpu_seconds - self._cpu_when_asked < _FILLING_SECONDS:
            return False
        self._cpu_when_asked = usage.cpu_seconds
        usage.memory_bytes = max(usage.memory_bytes, peak_bytes(self._pid) - self.base_memory)
        return usage.memory_bytes > int(self._limits["memory_bytes"])

    def close(self) -> None:
        """Release the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _look(self, seconds: float, exchange: Exchange | None) -> dict[int, int]:
        """Wait at most `seconds` for something to happen; return what did, by descriptor."""
        if self._descriptor < 0:
            seconds = min(seconds, 0.002)
        if exchange is None:
            return dict(self._poll.poll(seconds * 1000))
        self._poll.register(exchange.connection, exchange.events)
        try:
            return dict(self._poll.poll(seconds * 1000))
        finally:
            self._poll.unregister(exchange.connection)

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _reap(self, usage: Usage, cpu_limit: float) -> None:
        _, usage.status, spent = os.wait4(self._pid, 0)
        self.close()
        usage.cpu_seconds = spent.ru_utime + spent.ru_stime
        usage.memory_bytes = max(spent.ru_maxrss * _MAXRSS_UNIT - self.base_memory, usage.memory_bytes)
        if not usage.reason and usage.cpu_seconds > cpu_limit:
            usage.reason = "cpu"
        if not usage.reason and usage.memory_bytes > self._limits["memory_bytes"]:
            usage.reason = "memory"

    def _exceeded(self, usage: Usage, cpu_limit: float, elapsed: float, wall: float) -> str:
        """Return which limit the running child exceeds, or an empty string."""
        usage.cpu_seconds = cpu_seconds_of(self._pid)
        if usage.cpu_seconds > cpu_limit:
            return "cpu"
        if elapsed > wall and (elapsed - _seconds_waiting(self._pid) > wall or elapsed > wall * _WALL_GRACE):
            return "wall"
        threads, resident = _threads_and_memory(self._pid)
        usage.memory_bytes = max(usage.memory_bytes, resident - self.base_memory)
        if usage.memory_bytes > self._limits["memory_bytes"]:
            return "memory"
        if threads > _MAX_THREADS:
            return "threads"
        return "files" if holds_too_much(self._directory) else ""


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
