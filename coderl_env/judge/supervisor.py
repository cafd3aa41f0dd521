"""Judges programs, one after the other, inside the zygote: forks a limited child per test, watches it, and relays.

Nothing that a program or a test wrote enters this process's own memory, which every later child is born with: sources,
standard input and output, questions and answers pass through files that are in no memory, and through pages that a fork
leaves out. It records what the kernel says of each child (status, times, memory); the trainer's process classifies and
compares. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from typing import Any

from coderl_env.judge import child, wire
from coderl_env.judge.interpreter import PROGRAM_FILE
from coderl_env.judge.relay import Relay, memory_file
from coderl_env.judge.watch import (
    MAX_FILE_BYTES,
    MAX_FILES,
    Exchange,
    Usage,
    Watch,
    cpu_seconds_of,
    kill_stragglers,
    peak_bytes,
)

# What a child may say of its exception, or the compiler of the source.
_REPORT_BYTES = 4096
# How long compiling may take at least, in seconds by the clock: it is the machine that is slow, not the program.
_COMPILE_SECONDS = 10.0
# A source that is longer takes memory to compile that is worth counting.
_LONG_SOURCE = 1 << 14
_LIMIT_REASONS = frozenset({"cpu", "wall", "memory", "output", "files"})
# Frames around the value that a child answers with, and escapes in it.
_FRAME_SPARE = 4096


class LostChildError(Exception):
    """A child could not be confined, or something killed it: a failure of ours, never a verdict."""


def judge_program(
    connection: socket.socket, confinement: child.Confinement, relay: Relay, header: dict[str, Any], source_size: int
) -> None:
    """Judge one program, whose opening frame has been read up to the source: answer each request, until `end`.

    Requests: `run` (standard input is the body) and `call` (the body is the child's own frame). The first answer says
    whether the source compiled.

    Raises:
        EOFError: the trainer is gone.
        LostChildError: as it says.
    """
    source = memory_file()
    hearing: _Runs | _Calls
    try:
        relay.receive(connection, source_size, source)
        hearing = (_Calls if header["kind"] == "call" else _Runs)(connection, confinement, relay, header, source)
        try:
            compiled = hearing.open(source_size, header["tests"])
            while True:
                request, body_size = wire.receive_header(connection)
                if request["op"] == "end":
                    break
                if compiled and hearing.goes_on:
                    hearing.answer(body_size)
                else:
                    relay.discard(connection, body_size)
                    wire.send_frame(connection, hearing.unrun(compiled))
        finally:
            hearing.close()
    finally:
        os.close(source)
        relay.shrink()
    wire.send_frame(connection, {"ended": True})


class _Hearing:
    """What the judging of a program keeps, whatever its tests are."""

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
        self._cpu_left = float(self._limits["program_cpu_seconds"])
        self._source = source
        # What every child holds from its birth, because it shares it with this process.
        self._base_memory = confinement.resident_bytes
        self._stopped = False
        # Where the first of several children leaves the compiled code; none where there is but one child.
        self._code: tuple[int, ...] = ()
        # For all children, of which there is one at a time.
        self._ready, self._say_ready = socket.socketpair()

    @property
    def goes_on(self) -> bool:
        """Whether the next test is run."""
        return not self._stopped and self._cpu_left > 0

    def unrun(self, compiled: bool) -> dict[str, Any]:
        """Return the answer to a test that is not run; the first that finds no time left is late."""
        if not compiled or self._stopped:
            return {"not_run": True}
        self._stopped = True
        return {"reason": "cpu", "status": 0, "cpu": 0.0}

    def _counted(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return `answer`, having counted what it took."""
        self._cpu_left -= answer.get("cpu", 0.0)
        if self._stop_at_limit and answer.get("reason") in _LIMIT_REASONS:
            self._stopped = True
        return answer

    def _cpu_limit(self) -> float:
        return min(float(self._limits["cpu_seconds"]), self._cpu_left)

    def _fork(self, job: child.Job, files: Sequence[int], cpu_seconds: float) -> _Child:
        """Fork a child that carries out `job`; `files` become its descriptors, but for `child.READY`."""
        self._relay.copy(self._source, PROGRAM_FILE)
        pid = os.fork()
        if pid == 0:
            places = (*files[: child.READY], self._say_ready.fileno(), *files[child.READY :])
            child.begin(job, places, self._confinement, self._limits, cpu_seconds)
        return _Child(pid, self._ready)

    def _await_compilation(self, born: _Child) -> tuple[Usage, memoryview]:
        """Wait until a child has compiled the source; return how that went and, if it did not, what it said of it.

        Raises:
            LostChildError: it was not confined.
        """
        # Hostile source can crash the compiler, or make it use time and memory without end.
        limit = self._cpu_left
        exchange = Exchange(born.ready, b"", self._relay.answers[: 2 * _REPORT_BYTES], _missing_of_compilation)
        limits = {**self._limits, "wall_seconds": max(float(self._limits["wall_seconds"]), _COMPILE_SECONDS)}
        watch = Watch(born.pid, limits, limit, self._confinement.directory, self._base_memory)
        usage = watch.wait(exchange)
        said = self._relay.answers[: exchange.received]
        if usage.reason == "answered":
            born.confined = True
            born.start_cpu = usage.cpu_seconds
            return usage, said[:0]
        born.reaped = True
        _check_confined(bytes(said[:_REPORT_BYTES]) if said[:1].tobytes() != b"1" else b"1")
        if usage.reason == "wall":
            # A compiler waits for nothing but a processor.
            raise LostChildError("it was kept waiting while it compiled")
        if not usage.reason and os.WIFSIGNALED(usage.status) and os.WTERMSIG(usage.status) == signal.SIGKILL:
            raise LostChildError("something killed it while it compiled")
        return usage, said[2:] if said[1:2].tobytes() == b"x" else said[:0]

    def _open(self, born: _Child, source_size: int) -> bool:
        """Wait until the first child has compiled the source, and answer whether it did."""
        usage, said = self._await_compilation(born)
        if usage.reason == "answered":
            if source_size > _LONG_SOURCE:
                self._base_memory = max(self._base_memory, peak_bytes(born.pid))
            wire.send_frame(self._connection, {"compiled": True})
            return True
        answer: dict[str, Any] = {"compiled": False}
        if not said:
            how = usage.reason or _name_of_signal(usage.status)
            answer["error"] = {"type": "CompilerCrash", "line": None, "message": f"the compiler ended with {how}"}
        self._relay.send(self._connection, answer, said)
        return False

    def _watch(self, born: _Child, cpu_seconds: float) -> Watch:
        return Watch(
            born.pid, self._limits, born.start_cpu + cpu_seconds, self._confinement.directory, self._base_memory
        )

    def close(self) -> None:
        """End what is left."""
        self._ready.close()
        self._say_ready.close()
        for descriptor in self._code:
            os.close(descriptor)

    def _clean_up(self, born: _Child) -> bool:
        """End the child and all that it started and wrote; return whether it left too much."""
        born.end()
        if "session" in self._confinement.guards:
            kill_stragglers(born.pid)
        return _empty(self._confinement.directory)


class _Child:
    """A child: its number, the socket on which it says how far it is, its processor time before the present test."""

    __slots__ = ("confined", "pid", "ready", "reaped", "start_cpu")

    def __init__(self, pid: int, ready: socket.socket) -> None:
        self.pid = pid
        self.ready = ready
        self.confined = False
        self.reaped = False
        self.start_cpu = 0.0

    def check_confined(self) -> None:
        """Make sure that it ran confined; it has ended.

        Raises:
            LostChildError: it did not.
        """
        if not self.confined:
            try:
                said = self.ready.recv(_REPORT_BYTES, socket.MSG_DONTWAIT)
            except OSError:
                said = b""
            _check_confined(said)

    def end(self) -> None:
        """End it, if it has not ended."""
        if not self.reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.wait4(self.pid, 0)
            self.reaped = True


class _Runs(_Hearing):
    """Tests of standard input: a child for each, of which the first compiles for all."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._files: tuple[int, ...] = ()
        self._first: _Child | None = None

    def open(self, source_size: int, tests: int) -> bool:
        """Compile; return whether the source did."""
        if tests > 1:
            self._code = (memory_file(),)
        limit = self._cpu_limit() + float(self._limits["program_cpu_seconds"])
        self._first = self._fork_run(child.Job.RUN_WHEN_TOLD, limit)
        return self._open(self._first, source_size)

    def answer(self, body_size: int) -> None:
        """Run the program once, with the request's body as standard input; answer with record, output and report."""
        limit = self._cpu_limit()
        if self._first is not None:
            born, self._first = self._first, None
            self._relay.receive(self._connection, body_size, self._files[0])
            born.ready.send(child.GO)
        else:
            born = self._fork_run(child.Job.RUN, limit, body_size)
        usage = self._watch(born, limit).wait()
        born.reaped = True
        born.check_confined()
        if self._clean_up(born) and not usage.reason:
            usage.reason = "files"
        _, stdout, report = self._files
        output_bytes = os.fstat(stdout).st_size
        if not usage.reason and output_bytes > self._limits["output_bytes"]:
            usage.reason = "output"
        report_bytes = min(os.fstat(report).st_size, _REPORT_BYTES)
        answer = {**self._counted(_record(usage, born)), "report": report_bytes}
        parts = ((stdout, min(output_bytes, self._limits["output_bytes"])), (report, report_bytes))
        self._relay.send_files(self._connection, answer, parts)
        self._close_files()

    def _fork_run(self, job: child.Job, cpu_seconds: float, body_size: int = 0) -> _Child:
        self._files = (memory_file(), memory_file(), memory_file())
        stdin, stdout, report = self._files
        self._relay.receive(self._connection, body_size, stdin)
        return self._fork(job, (stdin, stdout, child.READY, report, self._source, *self._code), cpu_seconds)

    def _close_files(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)
        self._files = ()

    def close(self) -> None:
        """End what is left."""
        super().close()
        if self._first is not None:
            self._clean_up(self._first)
        self._close_files()


class _Calls(_Hearing):
    """Calls: one child for all, which compiles and loads the program; another one after a call that ended it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._child: _Child | None = None
        self._channel: socket.socket | None = None
        self._loaded = False
        # How loading failed: the record, and how much of the relay's answers belongs to it.
        self._failure: tuple[dict[str, Any], int] | None = None
        # A frame of escapes is larger than the value it carries.
        self._answer_bytes = int(self._limits["output_bytes"]) + _FRAME_SPARE
        self._relay.reserve_answers(max(self._answer_bytes, 2 * _REPORT_BYTES))

    def open(self, source_size: int, _tests: int) -> bool:
        """Compile; return whether the source did."""
        self._code = (memory_file(),)
        return self._open(self._start(), source_size)

    def answer(self, body_size: int) -> None:
        """Relay one question, and answer with the child's answer, or with the record of its end."""
        question = self._relay.take(self._connection, body_size)
        if self._failure is not None:
            record, size = self._failure
        else:
            record, size = self._ask(question)
        self._relay.send(self._connection, self._counted(record), self._relay.answers[:size])

    def _start(self) -> _Child:
        self._channel, theirs = socket.socketpair()
        # The kernel's own limit counts all calls together; each is watched.
        limit = self._cpu_left + float(self._limits["program_cpu_seconds"])
        files = (child.READY, child.READY, child.READY, theirs.fileno(), self._source, *self._code)
        self._child = self._fork(child.Job.SERVE_CALLS_WHEN_TOLD, files, limit)
        theirs.close()
        return self._child

    def _ask(self, question: memoryview) -> tuple[dict[str, Any], int]:
        """Return the record of one question and the size of the child's answer, 0 where it ended."""
        limit = self._cpu_limit()
        spent = 0.0
        if self._child is None:
            born = self._start()
            usage, _ = self._await_compilation(born)
            # Where the code could not be left for it, it has compiled once more.
            self._cpu_left -= usage.cpu_seconds
            if usage.reason != "answered":
                self._drop()
                return {**_record(usage, born), "ended": True}, 0
        assert self._child is not None
        if not self._loaded:
            self._child.ready.send(child.GO)
            record, size = self._exchange(b"", limit)
            if not size or self._relay.answers[:size] != _LOADED:
                # A module that fails to load fails every test in the same way; limits stop by the usual rule.
                self._drop()
                self._failure = {**record, "cpu": 0.0}, size
                return record, size
            self._loaded = True
            spent = record["cpu"]
        record, size = self._exchange(question, max(limit - spent, 0.001))
        if not size:
            self._drop()
        return {**record, "cpu": record["cpu"] + spent}, size

    def _exchange(self, question: memoryview | bytes, cpu_seconds: float) -> tuple[dict[str, Any], int]:
        assert self._child is not None
        assert self._channel is not None
        born = self._child
        born.start_cpu = cpu_seconds_of(born.pid)
        limit = self._answer_bytes
        exchange = Exchange(
            self._channel, question, self._relay.answers[:limit], lambda said: wire.missing_bytes(said, limit)
        )
        usage = self._watch(born, cpu_seconds).wait(exchange)
        if usage.reason == "answered":
            spent = max(usage.cpu_seconds - born.start_cpu, 0.0)
            if spent <= cpu_seconds:
                return {"cpu": spent}, exchange.received
            usage.reason = "cpu"
            born.end()
        born.reaped = True
        return {**_record(usage, born), "ended": True}, 0

    def _drop(self) -> None:
        """Forget the child, which has ended or is to."""
        if self._child is not None:
            self._clean_up(self._child)
        if self._channel is not None:
            self._channel.close()
        self._child = self._channel = None
        self._loaded = False

    def close(self) -> None:
        """End what is left."""
        super().close()
        self._drop()


_LOADED = wire.pack_frame({"loaded": True})


def _missing_of_compilation(said: memoryview) -> int:
    """Return how many bytes are missing of what a child says of its compilation."""
    expected = len(child.COMPILED)
    if len(said) < expected or said.tobytes() == child.COMPILED:
        return expected - len(said)
    return 2 * _REPORT_BYTES  # a message of any length, after which it ends


def _check_confined(said: bytes) -> None:
    if said[:1] != b"1":
        raise LostChildError(said[1:].decode(errors="replace") or "it ended before it was confined")


def _name_of_signal(status: int) -> str:
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no word"


def _empty(directory: str) -> bool:
    """Remove everything in the private directory, however deep: folders inside are moved up before they are emptied.

    Returns:
        Whether it was more than a program may leave, or hidden from its own user; a program that is over before anybody
        looks at its files is judged like any other.
    """
    pending = [directory]
    count = size = 0
    hidden = False
    while pending:
        current = pending.pop()
        for entry in list(os.scandir(current)):
            count += 1
            status = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                # A program may have made it so that nobody may look inside.
                hidden = hidden or status.st_mode & 0o700 != 0o700
                os.chmod(entry.path, 0o700)
                # A name that no program can have taken.
                target = f"{directory}/{os.urandom(8).hex()}"
                os.rename(entry.path, target)
                pending.append(target)
            else:
                size += status.st_size
                os.unlink(entry.path)
        if current != directory:
            os.rmdir(current)
    return hidden or count > MAX_FILES or size > MAX_FILE_BYTES


def _record(usage: Usage, born: _Child) -> dict[str, Any]:
    return {
        "reason": usage.reason,
        "status": usage.status,
        "cpu": max(usage.cpu_seconds - born.start_cpu, 0.0),
        "memory": usage.memory_bytes,
    }
