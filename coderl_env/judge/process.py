"""The parent's side of the judge's helper processes: starting them, talking to them, ending them."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import socket
import subprocess
import sys
import sysconfig
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coderl_env.judge import wire
from coderl_env.judge.box import Box

_FOLDER = Path(__file__).resolve().parent
_START_SECONDS = 30.0

Frame = tuple[dict[str, Any], bytes]


class HelperFailure(Exception):  # noqa: N818 - not an error of the user's; retried, then raised as JudgeError
    """A helper process ended or stalled; nothing can be said of the program it was busy with."""


class HelperStalled(HelperFailure):
    """A helper process is there, but did not answer in time."""


class UnavailableTier(Exception):  # noqa: N818 - an answer, turned into IsolationError where nothing else is left
    """This machine does not offer the isolation tier that was asked for; the message says why."""


# What the referee is told.
BEGIN, END = b"b", b"e"
# Of one message of a test. What runs it may be what a program answered, where a test unpickles that.
_MOST_TEST_BYTES = 128 << 20


class Connection:
    """A socket to another process, over which frames go.

    Args:
        ours: this side of it.
        limit: bytes that a frame may have, and then it has to be there in time; None trusts the other side with both.
    """

    def __init__(self, ours: socket.socket, limit: int | None = None) -> None:
        ours.setblocking(False)
        self.socket = ours
        self._limit = limit
        self._reader = wire.FrameReader(limit)
        self._answers: list[Frame] = []

    def exchange(self, data: bytes, answers: int, seconds: float) -> list[Frame]:
        """Send `data` while receiving, and return the next `answers` frames.

        Sending and receiving go together, because the other side stops reading while its answers are not taken.

        Raises:
            HelperFailure: the other process ended, makes no sense, or has been silent for `seconds`.
        """
        rest = memoryview(data)
        poll = select.poll()
        deadline = time.monotonic() + seconds
        while rest or len(self._answers) < answers:
            poll.register(self.socket, select.POLLIN | (select.POLLOUT if rest else 0))
            if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
                raise HelperStalled(f"a judge process was silent for {seconds:.0f} s")
            if rest:
                try:
                    rest = rest[self.socket.send(rest) :]
                except BlockingIOError:
                    pass  # it was woken by an answer
                except OSError as error:
                    raise HelperFailure("a judge process ended") from error
            if self._receive() and self._limit is None:
                deadline = time.monotonic() + seconds
        taken, self._answers = self._answers[:answers], self._answers[answers:]
        return taken

    def _receive(self) -> bool:
        try:
            chunk = self.socket.recv(1 << 18)
        except BlockingIOError:
            return False
        except OSError as error:
            raise HelperFailure("a judge process ended") from error
        if not chunk:
            raise HelperFailure("a judge process ended")
        try:
            self._answers += self._reader.feed(chunk)
        except wire.WireError as error:
            raise HelperFailure(f"a judge process makes no sense: {error}") from error
        return True


class Helper:
    """A small Python process, started by path with an empty environment, and the socket to it.

    Args:
        script: file in this folder.
        arguments: further command-line arguments.
        box: removed when the process has ended, or None.
        options: further options of the interpreter.
    """

    def __init__(
        self, script: str, arguments: Sequence[str], box: Box | None = None, options: Sequence[str] = ()
    ) -> None:
        ours, theirs = socket.socketpair()
        # Not -I: it would make the interpreter ignore PYTHONHASHSEED, and the same program must always print its sets
        # in the same order. With this environment, -s -P isolate as much.
        command = [sys.executable, "-s", "-P", *options, str(_FOLDER / script), str(theirs.fileno()), *arguments]
        self._process = subprocess.Popen(
            command,
            # What the linker left for later, every fork would resolve anew, each on pages of its own.
            env={"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LD_BIND_NOW": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            # Out of reach of Ctrl-C. Not a session of its own: Linux would give it, as one group, as much of the
            # processors as the whole of the trainer.
            process_group=0,
        )
        theirs.close()
        self._connection = Connection(ours)
        # Also when nobody closes it: at the end of the interpreter, or of the last reference.
        self._end = weakref.finalize(self, _end_process, os.getpid(), self._process, ours, box)

    @property
    def pid(self) -> int:
        """Process id of the helper."""
        return self._process.pid

    def exchange(self, data: bytes, answers: int, seconds: float) -> list[Frame]:
        """Send `data` while receiving, and return the next `answers` frames; see `Connection.exchange`."""
        return self._connection.exchange(data, answers, seconds)

    def close(self) -> None:
        """End the process and everything it started, whatever it is doing."""
        self._end()


def _end_process(owner: int, process: subprocess.Popen[bytes], connection: socket.socket, box: Box | None) -> None:
    if os.getpid() != owner:
        return  # a fork of the owner: the process is not its own
    connection.close()
    process.kill()
    process.wait()
    if box is not None:
        box.remove()


class Zygote(Helper):
    """A running zygote of one isolation tier.

    Args:
        tier: `strict`, `portable` or `none`.
        numpy: whether programs find numpy imported.
        without: guards to leave out, for tests that show what each is for; names as in `child.GUARDS`.

    Raises:
        UnavailableTier: the machine does not offer the tier.
        HelperFailure: the process did not start.
    """

    def __init__(self, tier: str, *, numpy: bool = False, without: Sequence[str] = ()) -> None:
        box = Box()
        configuration = {
            "tier": tier,
            "box": box.path,
            "numpy": numpy,
            "folders": _folders(),
            "without": list(without),
        }
        # What packages have run at Python's start is no business of a program's, and memory that every fork copies.
        super().__init__("zygote.py", [json.dumps(configuration)], box, ["-S"])
        try:
            [(answer, _)] = self.exchange(b"", 1, _START_SECONDS)
            if "unavailable" in answer:
                raise UnavailableTier(answer["unavailable"])
        except BaseException:
            self.close()
            raise


class Referee(Helper):
    """A running referee: a trusted process that begets another for each program, whose tests and checkers that runs.

    Raises:
        HelperFailure: the process did not start.
    """

    def __init__(self) -> None:
        super().__init__("referee.py", [])
        try:
            self.exchange(b"", 1, _START_SECONDS)  # its start is no test's time
        except BaseException:
            self.close()
            raise

    def begin(self) -> Connection:
        """Return the connection to a new process; the one before is ended.

        Raises:
            HelperFailure: the referee ended.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._connection.socket, [BEGIN], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise HelperFailure("a judge process ended") from error
        return Connection(ours, _MOST_TEST_BYTES)

    def end(self) -> None:
        """End the process that serves, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._connection.socket.send(END)


def numpy_is_installed() -> bool:
    """Whether programs could import numpy here."""
    return importlib.util.find_spec("numpy") is not None


def _folders() -> dict[str, list[str]]:
    """Return what a zygote must know of this machine: where the interpreter and its standard library are, the packages
    of this environment (of which programs may read some), other installed packages, and this distribution.

    Packages may carry the very problems, tests and solutions that programs are judged on; this distribution does.
    """
    paths = {name: str(Path(path).resolve()) for name, path in sysconfig.get_paths().items()}
    interpreter = {paths["stdlib"], paths["platstdlib"], str(Path(sys.base_prefix).resolve() / "lib")}
    libraries = {paths["purelib"], paths["platlib"]}
    numpy = importlib.util.find_spec("numpy")
    if numpy is not None and numpy.origin is not None:
        # Not always there: a distribution's numpy has a place of its own, and so has a user's.
        libraries.add(str(Path(numpy.origin).resolve().parent.parent))
    packages = {f"{root}/{name}" for root in interpreter for name in ("site-packages", "dist-packages")}
    for root in ("/usr/lib", "/usr/local/lib"):
        packages |= {str(path) for path in Path(root).glob("python3*/*-packages")}
    package = _FOLDER.parent
    names = ("coderl_env", "coderl_agents", "coderl_benchmarks")
    return {
        "interpreter": sorted(interpreter),
        "libraries": sorted(libraries),
        "packages": sorted(folder for folder in packages - libraries if Path(folder).is_dir()),
        "hidden": [str(package), *(str(package.parent / name) for name in (*names, "agents"))],
    }
