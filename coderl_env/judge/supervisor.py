"""The process of one program's judging: compiles the source, forks a limited child per test, and watches it.

It never runs the program itself. It records what the kernel says of each child (status, times, memory) and what the
child wrote; the parent classifies and compares. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coderl_env.judge import child, wire

_POLL_SECONDS = 0.02
_MAX_THREADS = 128
_MAX_FILES = 1000
_MAX_FILE_BYTES = 64 << 20
# However long a starved machine keeps a program waiting, past this multiple of its wall limit it is given up.
_WALL_GRACE = 6.0
_LIMIT_REASONS = frozenset({"cpu", "wall", "memory", "output", "files"})


class UnconfinedError(Exception):
    """A child could not be confined: a failure of ours, never a verdict."""


@dataclass(slots=True)
class _Usage:
    """What the supervisor saw of one child."""

    reason: str = ""  # why it was killed by us, or empty
    status: int = 0  # as of os.wait4
    cpu_seconds: float = 0.0
    memory_bytes: int = 0


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
        self._calls: _CallChild | None = None
        self._load_failure: dict[str, Any] | None = None

    def serve(self, source: bytes, announce_compiled: Callable[[], None]) -> None:
        """Compile `source`, then answer requests until `end`."""
        answer, code = _compile(source)
        wire.send_frame(self._connection, answer)
        announce_compiled()
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
        Path(directory).mkdir(mode=0o700)
        Path(f"{directory}/{child.PROGRAM_FILE}").write_bytes(source)
        return directory

    def _run(self, code: types.CodeType, source: bytes, stdin: bytes) -> tuple[dict[str, Any], bytes]:
        """Run the program once, with `stdin`; return the record and the standard output."""
        directory = self._new_directory(source)
        files = [_memory_file(stdin), _memory_file(b""), os.open(os.devnull, os.O_RDWR), _memory_file(b"")]
        limit = self._cpu_limit()
        pid = self._fork_child(files, limit, directory, lambda: child.run_program(code))
        usage = _watch(pid, self._limits, limit, directory)
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
        calls = _CallChild(pid, ours, self._limits, directory)
        return calls, calls.await_answer(self._cpu_limit())

    def _end_calls(self) -> None:
        assert self._calls is not None
        self._calls.close()
        self._clean_up(self._calls.pid, self._calls.directory)
        self._calls = None

    def _clean_up(self, pid: int, directory: str) -> None:
        if self._confinement.tier == "none":
            _kill_stragglers(pid)
        _remove_tree(directory, self._confinement.box)


class _CallChild:
    """A child that has loaded the program and answers calls; owned by the supervisor."""

    def __init__(self, pid: int, connection: socket.socket, limits: dict[str, Any], directory: str) -> None:
        self.pid = pid
        self.directory = directory
        self._connection = connection
        self._limits = limits
        self._reaped = False

    def ask(self, request: dict[str, Any], cpu_seconds: float) -> dict[str, Any]:
        """Send one request and return the answer: the child's, or the record of its end."""
        with contextlib.suppress(OSError):  # it died in between; the record says how
            wire.send_frame(self._connection, request)
        return self.await_answer(cpu_seconds)

    def await_answer(self, cpu_seconds: float) -> dict[str, Any]:
        """Wait until the child answers, ends or exceeds a limit."""
        start_cpu = _cpu_seconds(self.pid)
        # A frame of escapes is larger than the value it carries.
        reader = wire.FrameReader(self._limits["output_bytes"] + 4096)
        reply: dict[str, Any] = {}

        def take_answer() -> str:
            try:
                frames = reader.feed(self._connection.recv(1 << 16, socket.MSG_DONTWAIT))
            except wire.WireError:
                return "output"
            if not frames:
                return ""
            received = frames[0][0]
            reply.update({key: received[key] for key in ("value", "args", "error", "loaded") if key in received})
            return "answered"

        usage = _watch(self.pid, self._limits, start_cpu + cpu_seconds, self.directory, self._connection, take_answer)
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


def _compile(source: bytes) -> tuple[dict[str, Any], types.CodeType | None]:
    """Compile as `python program.py` would; return the answer to send, and the code or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, child.PROGRAM_FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        return {"compiled": False, "error": {**child.describe(error), "line": getattr(error, "lineno", None)}}, None
    return {"compiled": True}, code


def _watch(
    pid: int,
    limits: dict[str, Any],
    cpu_limit: float,
    directory: str,
    connection: socket.socket | None = None,
    take_answer: Callable[[], str] | None = None,
) -> _Usage:
    """Wait until the child ends, or answers on `connection`; kill it at a limit.

    `take_answer` reads what is there and returns `answered`, a reason to kill the child, or nothing yet.

    Time that the child spent waiting for a processor is not its own and extends the wall limit.
    """
    usage = _Usage()
    started = time.monotonic()
    base_memory = _own_peak_memory()
    ready = _Readiness(pid, connection)
    try:
        while True:
            left = cpu_limit - usage.cpu_seconds
            event = ready.wait(min(_POLL_SECONDS, max(left / 2, 0.002)))
            if event == "ended":
                break
            if event == "answer" and take_answer is not None:
                usage.reason = take_answer()
                if usage.reason == "answered":
                    usage.cpu_seconds = _cpu_seconds(pid)
                    return usage
            usage.reason = usage.reason or _exceeded(pid, limits, cpu_limit, started, base_memory, directory, usage)
            if usage.reason:
                os.kill(pid, signal.SIGKILL)
                break
    finally:
        ready.close()
    _, usage.status, spent = os.wait4(pid, 0)
    usage.cpu_seconds = spent.ru_utime + spent.ru_stime
    usage.memory_bytes = max(spent.ru_maxrss * _MAXRSS_UNIT - base_memory, usage.memory_bytes)
    if not usage.reason and usage.cpu_seconds > cpu_limit:
        usage.reason = "cpu"
    if not usage.reason and usage.memory_bytes > limits["memory_bytes"]:
        usage.reason = "memory"
    return usage


# Linux counts kibibytes, macOS bytes.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


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


def _exceeded(
    pid: int,
    limits: dict[str, Any],
    cpu_limit: float,
    started: float,
    base_memory: int,
    directory: str,
    usage: _Usage,
) -> str:
    """Return which limit the running child exceeds, or an empty string."""
    usage.cpu_seconds = _cpu_seconds(pid)
    if usage.cpu_seconds > cpu_limit:
        return "cpu"
    elapsed = time.monotonic() - started
    wall = limits["wall_seconds"]
    if elapsed > wall and (elapsed - _seconds_waiting(pid) > wall or elapsed > wall * _WALL_GRACE):
        return "wall"
    threads, resident = _threads_and_memory(pid)
    usage.memory_bytes = max(usage.memory_bytes, resident - base_memory)
    if usage.memory_bytes > limits["memory_bytes"]:
        return "memory"
    if threads > _MAX_THREADS:
        return "threads"
    return "files" if _holds_too_much(directory) else ""


def _cpu_seconds(pid: int) -> float:
    """Return the processor time of a running or dead, not yet reaped process."""
    try:
        # The kernel's number for the clock of process `pid`.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def _seconds_waiting(pid: int) -> float:
    """Return how long a process was ready to run but had no processor; 0 where the kernel does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _threads_and_memory(pid: int) -> tuple[int, int]:
    """Return the number of threads and the resident bytes of a process; 0 where the kernel does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[17]), int(fields[21]) * resource.getpagesize()


def _own_peak_memory() -> int:
    """Return what a child holds from its birth: the pages it shares with this process."""
    return _threads_and_memory(os.getpid())[1]


def _holds_too_much(directory: str) -> bool:
    """Whether a private directory has more files or bytes than a program may leave."""
    count = size = 0
    pending = [directory]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            count += 1
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                try:
                    size += entry.stat(follow_symlinks=False).st_size
                except OSError:
                    continue
            if count > _MAX_FILES or size > _MAX_FILE_BYTES:
                return True
    return False


def _remove_tree(directory: str, box: str) -> None:
    """Remove a private directory, however deep: folders inside are moved up before they are emptied."""
    pending = [directory]
    moved = 0
    while pending:
        current = pending.pop()
        for entry in list(os.scandir(current)):
            if entry.is_dir(follow_symlinks=False):
                moved += 1
                target = f"{box}/moved-{moved}"
                Path(entry.path).rename(target)
                pending.append(target)
            else:
                Path(entry.path).unlink()
        Path(current).rmdir()


def _kill_stragglers(group: int) -> None:
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
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in text.split()]


def _record(usage: _Usage, error: dict[str, Any] | None) -> dict[str, Any]:
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
        error = json.loads(report)["error"]
        line = error["line"]
        return {
            "type": str(error["type"])[:100],
            "line": line if type(line) is int and 0 < line < 1 << 31 else None,
            "message": str(error["message"])[:300],
        }
    except (ValueError, KeyError, TypeError, RecursionError):
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
