"""What the judging of a program keeps, whatever its tests are: its source, its limits, the children forked for it.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Sequence
from typing import Any

from coderl_env.judge import child, wire
from coderl_env.judge.directory import empty
from coderl_env.judge.interpreter import PROGRAM_FILE
from coderl_env.judge.relay import Relay, memory_file
from coderl_env.judge.watch import Exchange, Usage, Watch, kill_stragglers, peak_bytes

# What a child may say of its exception, or the compiler of the source.
REPORT_BYTES = 4096
# How long compiling may take at least, in seconds by the clock: it is the machine that is slow, not the program.
_COMPILE_SECONDS = 10.0
# A source that is longer takes memory to compile that is worth counting.
_LONG_SOURCE = 1 << 14
_LIMIT_REASONS = frozenset({"cpu", "wall", "memory", "output", "files"})


class LostChildError(Exception):
    """A child could not be confined, or something killed it: a failure of ours, never a verdict."""


class Hearing:
    """The judging of one program, of which there is one at a time.

    Args:
        connection: to the trainer's process.
        confinement: what binds children.
        relay: for what programs and tests wrote.
        header: of the opening frame.
        source: descriptor of the source.
    """

    def __init__(
        self,
        connection: socket.socket,
        confinement: child.Confinement,
        relay: Relay,
        header: dict[str, Any],
        source: int,
    ) -> None:
        self._connection = connection
        self._confinement = confinement
        self._relay = relay
        self._limits: dict[str, Any] = header["limits"]
        self._stop_at_limit = header["stop"] != "never"
        # Whether all requests follow at once: then no child has to wait, and nobody waits for less than all answers.
        self._whole = bool(header["whole"])
        self._cpu_left = float(self._limits["program_cpu_seconds"])
        self._source = source
        # What every child holds from its birth, because it shares it with this process.
        self._base_memory = confinement.resident_bytes
        self._stopped = False
        # Where a child leaves the compiled code for those after it; none where none is expected.
        self._code: tuple[int, ...] = ()
        # For all children, of which there is one at a time.
        self._ready, self._say_ready = socket.socketpair()

    @property
    def goes_on(self) -> bool:
        """Whether the next test is run."""
        return not self._stopped and self._cpu_left > 0

    def unrun(self) -> dict[str, Any]:
        """Return the answer to a test that is not run; the first that finds no time left is late."""
        if self._stopped:
            return {"not_run": True}
        self._stopped = True
        return {"reason": "cpu", "status": 0, "cpu": 0.0}

    def open(self, source_size: int, tests: int) -> int:
        """Compile in a first child, and answer whether the source did; return how many tests are done."""
        raise NotImplementedError

    def answer(self, request: dict[str, Any], body_size: int) -> int:
        """Answer one request, whose body is still to be read; return for how many tests it was."""
        raise NotImplementedError

    def close(self) -> None:
        """End what is left. May be called twice."""
        self._ready.close()
        self._say_ready.close()
        for descriptor in self._code:
            os.close(descriptor)
        self._code = ()

    def _counted(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return `answer`, having counted what it took."""
        self._cpu_left -= answer.get("cpu", 0.0)
        if self._stop_at_limit and answer.get("reason") in _LIMIT_REASONS:
            self._stopped = True
        return answer

    def _cpu_limit(self) -> float:
        return min(float(self._limits["cpu_seconds"]), self._cpu_left)

    def _keep_code(self) -> None:
        """Have the next child leave the compiled code to those after it."""
        if not self._code:
            self._code = (memory_file(),)

    def _fork(self, task: child.Task, files: Sequence[int], cpu_seconds: float) -> Child:
        """Fork a child that carries out `task`; `files` become its descriptors, but for `child.READY`."""
        self._relay.copy(self._source, PROGRAM_FILE)
        os.lseek(self._source, 0, os.SEEK_SET)
        pid = os.fork()
        if pid == 0:
            places = (*files[: child.READY], self._say_ready.fileno(), *files[child.READY :])
            child.begin(task, places, self._confinement, self._limits, cpu_seconds)
        return Child(pid, Watch(pid, self._limits, self._confinement.directory, self._base_memory))

    def _await_compilation(self, born: Child) -> tuple[Usage, memoryview]:
        """Wait until a child has compiled the source; return how that went and, if it did not, what it said of it.

        Raises:
            LostChildError: it was not confined.
        """
        # Hostile source can crash the compiler, or make it use time and memory without end.
        exchange = Exchange(self._ready, self._relay.answers[: 2 * REPORT_BYTES], _size_of_word)
        exchange.ask(b"", (), 1)
        usage = born.watch.wait(self._cpu_left, exchange, _COMPILE_SECONDS)
        said = exchange.beginning
        if usage.reason == "answered":
            (born.start_cpu,) = _CLOCK.unpack(self._relay.answers[len(child.COMPILED) : _WORD_BYTES])
            return usage, said[:0]
        born.reaped = True
        self._check_confined(bytes(said))
        if usage.reason == "wall":
            # A compiler waits for nothing but a processor.
            raise LostChildError("it was kept waiting while it compiled")
        if not usage.reason and os.WIFSIGNALED(usage.status) and os.WTERMSIG(usage.status) == signal.SIGKILL:
            raise LostChildError("something killed it while it compiled")
        return usage, said[len(child.REFUSED) :]

    def _open(self, born: Child, source_size: int) -> bool:
        """Wait until the first child has compiled the source, and answer whether it did."""
        usage, said = self._await_compilation(born)
        if usage.reason == "answered":
            if source_size > _LONG_SOURCE:
                self._base_memory = born.watch.base_memory = max(self._base_memory, peak_bytes(born.pid))
            wire.send_frame(self._connection, {"compiled": True})
            return True
        answer: dict[str, Any] = {"compiled": False}
        if not said:
            how = usage.reason or _name_of_signal(usage.status)
            answer["error"] = {"type": "CompilerCrash", "line": None, "message": f"the compiler ended with {how}"}
        self._stopped = True
        self._relay.send(self._connection, answer, said)
        return False

    def _check_confined(self, said: bytes) -> None:
        """Make sure that the child that has just ended ran confined.

        Raises:
            LostChildError: it did not.
        """
        if os.lseek(self._source, 0, os.SEEK_CUR) != child.CONFINED:
            raise LostChildError(said[1:].decode(errors="replace") or "it ended before it was confined")

    def _said(self) -> bytes:
        """Return what a child that has ended said on its socket."""
        try:
            return self._ready.recv(REPORT_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            return b""

    def _clean_up(self, born: Child) -> bool:
        """End the child and all that it started and wrote; return whether it left too much."""
        born.end()
        if "session" in self._confinement.guards:
            kill_stragglers(born.pid)
        return empty(self._confinement.directory)


class Child:
    """A child: its number, what watches it, its processor time before the present test."""

    __slots__ = ("pid", "reaped", "start_cpu", "watch")

    def __init__(self, pid: int, watch: Watch) -> None:
        self.pid = pid
        self.watch = watch
        self.reaped = False
        self.start_cpu = 0.0

    def end(self) -> None:
        """End it, if it has not ended."""
        if not self.reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.wait4(self.pid, 0)
            self.reaped = True
        self.watch.close()

    def record(self, usage: Usage) -> dict[str, Any]:
        """Return what is answered of its end."""
        return {
            "reason": usage.reason,
            "status": usage.status,
            "cpu": max(usage.cpu_seconds - self.start_cpu, 0.0),
            "memory": usage.memory_bytes,
        }


_CLOCK = struct.Struct("=d")
_WORD_BYTES = len(child.COMPILED) + _CLOCK.size


def _size_of_word(said: memoryview) -> int:
    """Return how many bytes a child says of its compilation, at least."""
    if not said or said[:1] == child.COMPILED:
        return _WORD_BYTES
    return 2 * REPORT_BYTES  # a message of any length, after which it ends


def _name_of_signal(status: int) -> str:
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no word"
