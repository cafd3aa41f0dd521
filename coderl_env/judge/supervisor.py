"""The process of one program's judging: compiles the source, forks a limited child per test, and watches it.

It never runs the program itself. It records what the kernel says of each child (status, times, memory) and what the
child wrote; the parent classifies and compares. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import types
import warnings
from collections.abc import Callable
from typing import Any

from coderl_env.judge import child, sandbox, wire
from coderl_env.judge.watch import Usage, Watch, cpu_seconds_of, kill_stragglers, resident_bytes

_LIMIT_REASONS = frozenset({"cpu", "wall", "memory", "output", "files"})


class UnconfinedError(Exception):
    """A child could not be confined: a failure of ours, never a verdict."""


class Supervisor:
    """Judges the tests of one program, as told over the connection, and answers each request in order.

    Requests: `run` (standard input is the body), `call`, `get`, `set`, then `end`. The first answer says whether the
    source compiled.
    """

    def __init__(self, connection: socket.socket, confinement: child.Confinement, header: dict[str, Any]) -> None:
        self._connection = connection
        self._confinement = confinement
        self._limits = header["limits"]
        self._stop_at_limit = header["stop"] != "never"
        self._cpu_left = float(self._limits["program_cpu_seconds"])
        self._stopped = False
        self._serial = 0
        self._base_memory = 0
        self._calls: _CallChild | None = None
        self._load_failure: dict[str, Any] | None = None

    def serve(self, source: bytes, announce_compiled: Callable[[], None]) -> None:
        """Compile `source`, then answer requests until `end`."""
        answer, code = _compile(source)
        sandbox.lift_processor_limit()
        wire.send_frame(self._connection, answer)
        announce_compiled()
        # What every child holds from its birth, because it shares it with this process.
        self._base_memory = resident_bytes(os.getpid())
        while True:
            header, body = wire.receive_frame(self._connection)
            if header["op"] == "end":
                break
            wire.send_frame(self._connection, *self._answer(header, body, code, source))
        if self._calls is not None:
            self._end_calls()
        wire.send_frame(self._connection, {"ended": True})

    def _answer(
        self, header: dict[str, Any], body: bytes, code: types.CodeType | None, source: bytes
    ) -> tuple[dict[str, Any], bytes]:
        if code is None or self._stopped:
            return {"not_run": True}, b""
        if self._cpu_left <= 0:
            self._stopped = True
            return {"reason": "cpu", "status": 0, "cpu": 0.0}, b""
        if header["op"] == "run":
            answer, output = self._run(code, source, body)
        else:
            answer, output = self._call(code, source, header), b""
        self._cpu_left -= answer.get("cpu", 0.0)
        if self._stop_at_limit and answer.get("reason") in _LIMIT_REASONS:
            self._stopped = True
        return answer, output

    def _cpu_limit(self) -> float:
        return min(float(self._limits["cpu_seconds"]), self._cpu_left)

    def _new_directory(self, source: bytes) -> str:
        self._serial += 1
        directory = f"{self._confinement.box}/{self._serial}"
        os.mkdir(directory, 0o700)
        file = os.open(f"{directory}/{child.PROGRAM_FILE}", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(file, source)
        os.close(file)
        return directory

    def _run(self, code: types.CodeType, source: bytes, stdin: bytes) -> tuple[dict[str, Any], bytes]:
        """Run the program once, with `stdin`; return the record and the standard output."""
        directory = self._new_directory(source)
        files = [_memory_file(stdin), _memory_file(b""), os.open(os.devnull, os.O_RDWR), _memory_file(b"")]
        limit = self._cpu_limit()
        pid = self._fork_child(files, limit, directory, lambda: child.run_program(code))
        usage = Watch(pid, self._limits, limit, directory, self._base_memory).wait()
        output_bytes = self._limits["output_bytes"]
        output = _read_memory_file(files[1], output_bytes + 1)
        report = _read_memory_file(files[3], 4096)
        for descriptor in files:
            os.close(descriptor)
        self._clean_up(pid, directory)
        if not usage.reason and len(output) > output_bytes:
            usage.reason = "output"
        return _record(usage, _parse_report(report)), output[:output_bytes]

    def _fork_child(self, files: list[int], cpu_seconds: float, directory: str, run: Callable[[], None]) -> int:
        """Fork a child whose descriptors 0 to 3 are `files`, which gives up its power and then calls `run`.

        Raises:
            UnconfinedError: the child could not be confined; it is gone, and the program did not run.
        """
        ready, say_ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                # Out of the way first: a descriptor to be moved may be one of the places.
                kept = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (*files, say_ready)]
                for place, descriptor in enumerate(kept):
                    os.dup2(descriptor, place)
                child.confine(self._confinement, self._limits, cpu_seconds, directory)
            except BaseException as error:  # noqa: BLE001 - a child that is not confined must never run the program
                os.write(child.READY, repr(error).encode())
                os._exit(1)
            run()
        os.close(say_ready)
        said = os.read(ready, 500)
        os.close(ready)
        if said != b"1":
            os.waitpid(pid, 0)
            raise UnconfinedError(said.decode(errors="replace"))
        return pid

    def _call(self, code: types.CodeType, source: bytes, header: dict[str, Any]) -> dict[str, Any]:
        if self._load_failure is not None:
            return self._load_failure
        spent = 0.0
        if self._calls is None:
            self._calls, answer = self._start_calls(code, source)
            spent = answer.get("cpu", 0.0)
            if "loaded" not in answer:
                self._end_calls()
                # A module that fails to load fails every test in the same way; limits stop by the usual rule.
                self._load_failure = {**answer, "cpu": 0.0}
                return answer
        answer = self._calls.ask(header, max(self._cpu_limit() - spent, 0.001))
        if "status" in answer:
            self._end_calls()
        answer["cpu"] = answer.get("cpu", 0.0) + spent
        return answer

    def _start_calls(self, code: types.CodeType, source: bytes) -> tuple[_CallChild, dict[str, Any]]:
        directory = self._new_directory(source)
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR)
        # The kernel's own limit counts all calls together; the supervisor watches each.
        cpu_seconds = max(self._cpu_left, 0.001)
        files = [null, null, null, theirs.fileno()]
        pid = self._fork_child(files, cpu_seconds, directory, lambda: child.serve_calls(code))
        theirs.close()
        os.close(null)
        calls = _CallChild(pid, ours, self._limits, directory, self._base_memory)
        return calls, calls.await_answer(self._cpu_limit(), "loaded")

    def _end_calls(self) -> None:
        assert self._calls is not None
        self._calls.close()
        self._clean_up(self._calls.pid, self._calls.directory)
        self._calls = None

    def _clean_up(self, pid: int, directory: str) -> None:
        if "session" in self._confinement.guards:
            kill_stragglers(pid)
        _remove_tree(directory, self._confinement.box)


class _CallChild:
    """A child that has loaded the program and answers calls; owned by the supervisor."""

    def __init__(
        self, pid: int, connection: socket.socket, limits: dict[str, Any], directory: str, base_memory: int
    ) -> None:
        self.pid = pid
        self._base_memory = base_memory
        self.directory = directory
        self._connection = connection
        self._limits = limits
        self._reaped = False

    def ask(self, request: dict[str, Any], cpu_seconds: float) -> dict[str, Any]:
        """Send one request and return the answer: the child's, or the record of its end."""
        with contextlib.suppress(OSError):  # it died in between; the record says how
            wire.send_frame(self._connection, request)
        return self.await_answer(cpu_seconds)

    def await_answer(self, cpu_seconds: float, wanted: str = "value") -> dict[str, Any]:
        """Wait until the child answers with `wanted` or an error, ends or exceeds a limit."""
        start_cpu = cpu_seconds_of(self.pid)
        # A frame of escapes is larger than the value it carries.
        reader = wire.FrameReader(self._limits["output_bytes"] + 4096)
        reply: dict[str, Any] = {}

        def take_answer() -> str:
            try:
                frames = reader.feed(self._connection.recv(1 << 16, socket.MSG_DONTWAIT))
                if not frames:
                    return ""
                reply.update(_checked_reply(frames[0][0], wanted))
            except wire.FrameTooLargeError:
                return "output"
            except wire.WireError:
                return "answer"
            return "answered"

        watch = Watch(self.pid, self._limits, start_cpu + cpu_seconds, self.directory, self._base_memory)
        usage = watch.wait(self._connection, take_answer)
        spent = max(usage.cpu_seconds - start_cpu, 0.0)
        if usage.reason == "answered":
            if spent <= cpu_seconds:
                return {**reply, "cpu": spent}
            usage.reason = "cpu"
            self.close()
        self._reaped = True
        return {**_record(usage, None), "cpu": spent, "ended": True}

    def close(self) -> None:
        """End the child and forget it."""
        self._connection.close()
        if not self._reaped:
            os.kill(self.pid, signal.SIGKILL)
            os.wait4(self.pid, 0)
            self._reaped = True


def _checked_reply(received: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Return of a child's answer what may go on to the parent: the program may have written it itself.

    Raises:
        WireError: it is not what a child answers.
    """
    if "error" in received:
        return {"error": wire.check_error(received["error"])}
    if wanted not in received:
        raise wire.WireError(f"an answer without {wanted!r}")
    reply = {key: received[key] for key in (wanted, "args") if key in received}
    for value in reply.values():
        wire.check_value(value)
    return reply


def _compile(source: bytes) -> tuple[dict[str, Any], types.CodeType | None]:
    """Compile as `python program.py` would; return the answer to send, and the code or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, child.PROGRAM_FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return {"compiled": False, "error": {**child.describe(error), "line": getattr(error, "lineno", None)}}, None
    return {"compiled": True}, code


def _remove_tree(directory: str, box: str) -> None:
    """Remove a private directory, however deep: folders inside are moved up before they are emptied."""
    pending = [directory]
    moved = 0
    while pending:
        current = pending.pop()
        for entry in list(os.scandir(current)):
            if entry.is_dir(follow_symlinks=False):
                # A program may have made it so that nobody may look inside.
                os.chmod(entry.path, 0o700)
                moved += 1
                target = f"{box}/moved-{moved}"
                os.rename(entry.path, target)
                pending.append(target)
            else:
                os.unlink(entry.path)
        os.rmdir(current)


def _record(usage: Usage, error: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "reason": usage.reason,
        "status": usage.status,
        "cpu": usage.cpu_seconds,
        "memory": usage.memory_bytes,
        "error": error,
    }


def _parse_report(report: bytes) -> dict[str, Any] | None:
    """Return what the child said of its exception; whatever is not of that form counts as nothing."""
    try:
        return wire.check_error(json.loads(report)["error"])
    except (ValueError, KeyError, TypeError, RecursionError, wire.WireError):
        return None


def _memory_file(content: bytes) -> int:
    """Return the descriptor of an anonymous file with `content`, positioned at its start."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("judge")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    written = 0
    while written < len(content):
        written += os.write(descriptor, content[written:])
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _read_memory_file(descriptor: int, limit: int) -> bytes:
    """Return the first `limit` bytes, wherever the program left the position."""
    return os.pread(descriptor, limit, 0)
