"""Canaries: things on this machine that a hostile program would harm if it could, and a look at how they are.

A probe names the kinds it wants (`KINDS`). Its program and problem hold placeholders such as `@FOLDER@`, which `fill`
replaces, so that a probe can be plain data. Whether a program did harm is then seen here, never in its verdict.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import resource
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["KINDS", "Canaries"]

KINDS = ("folder", "process", "listeners", "stragglers", "shared_memory")
_PRECIOUS = "keep me\n"
_PLACEHOLDER = re.compile(r"@(REPEAT:(\d+):(.*?)|CHAR:([0-9a-f]+)|[A-Z_]+)@", re.DOTALL)
_PROCESS_SECONDS = 120
# SysV IPC: remove, by number.
_IPC_RMID = 0


class Canaries:
    """The canaries of one probe, set out on entry and removed on exit.

    Placeholders: `@SECRET@` (random text, also in the file `@FOLDER@/secret` and in the canary process's environment),
    `@MARK@` (a name for what a program leaves behind), `@KEY@` (the same as a number), `@FOLDER@`, `@PID@`,
    `@TCP_PORT@`, `@UDP_PORT@`, `@ABSTRACT@` (name of an abstract datagram socket), `@PACKAGE@` (folder of this
    package), `@REPEAT:3:ab@` (`ababab`), `@CHAR:d800@` (the character of that number).

    Args:
        kinds: what is set out, out of `KINDS`.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds
        self._mark = "pb" + secrets.token_hex(6)
        self._places = {
            "SECRET": secrets.token_hex(16),
            "MARK": self._mark,
            "KEY": str(int(hashlib.sha256(self._mark.encode()).hexdigest()[:7], 16)),
            "PACKAGE": os.fspath(Path(__file__).resolve().parent.parent),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: list[socket.socket] = []
        self._folder: Path | None = None
        self._before: object = None

    def __enter__(self) -> Self:
        try:
            if "folder" in self._kinds or "listeners" in self._kinds:
                self._set_out_folder()
            if "process" in self._kinds:
                self._set_out_process()
            if "listeners" in self._kinds:
                self._set_out_listeners()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def fill(self, data: Any) -> Any:
        """Return JSON values or a text with their placeholders replaced; what is no placeholder stays."""
        if isinstance(data, str):
            return _PLACEHOLDER.sub(self._replacement, data)
        if isinstance(data, list):
            return [self.fill(item) for item in data]
        if isinstance(data, dict):
            return {key: self.fill(item) for key, item in data.items()}
        return data

    def _replacement(self, found: re.Match[str]) -> str:
        name, count, text, character = found.groups()
        if count is not None:
            return str(text) * int(count)
        if character is not None:
            return chr(int(character, 16))
        return self._places.get(name, found.group())

    def harm(self) -> tuple[str, ...]:
        """Return a few words for each harm that was done; nothing if all is well."""
        found = []
        if self._folder is not None and _state_of_folder(self._folder) != self._folder_before:
            found.append("files were changed")
        if self._process is not None and _state_of_process(self._process) != self._before:
            found.append("a process was harmed")
        if any(map(_has_received, self._sockets)):
            found.append("a socket was reached")
        if "stragglers" in self._kinds and self.stragglers():
            found.append("a process was left behind")
        if "shared_memory" in self._kinds and self._shared_memory():
            found.append("shared memory was left behind")
        return tuple(found)

    def stragglers(self) -> list[int]:
        """Return the processes that bear the mark as their name or in their arguments."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                texts = (folder / "comm").read_bytes() + (folder / "cmdline").read_bytes()
                if self._mark.encode() in texts:
                    found.append(int(folder.name))
        return found

    def _set_out_folder(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="coderl-canary-"))
        (self._folder / "precious").write_text(_PRECIOUS, encoding="utf-8")
        (self._folder / "secret").write_text(self._places["SECRET"] + "\n", encoding="utf-8")
        # Open to everybody: the judge must keep programs out, not the file system's rights.
        self._folder.chmod(0o777)
        for file in self._folder.iterdir():
            file.chmod(0o666)
        self._places["FOLDER"] = os.fspath(self._folder)
        self._folder_before = _state_of_folder(self._folder)

    def _set_out_process(self) -> None:
        self._process = subprocess.Popen(
            ["sleep", str(_PROCESS_SECONDS)], env={"CANARY": self._places["SECRET"], "PATH": os.defpath}
        )
        self._places["PID"] = str(self._process.pid)
        self._before = _state_of_process(self._process)

    def _set_out_listeners(self) -> None:
        assert self._folder is not None
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        self._sockets = [tcp, udp]
        self._places |= {"TCP_PORT": str(tcp.getsockname()[1]), "UDP_PORT": str(udp.getsockname()[1])}
        for name in (os.fspath(self._folder / "socket"), f"\0{self._mark}"):
            with contextlib.suppress(OSError):  # abstract names are Linux's
                datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._sockets.append(datagram)
                datagram.bind(name)
        self._places["ABSTRACT"] = self._mark
        for listener in self._sockets:
            listener.setblocking(False)
        self._folder_before = _state_of_folder(self._folder)

    def _shared_memory(self) -> list[str]:
        found = [os.fspath(path) for path in Path("/dev/shm").glob(f"*{self._mark}*")]
        with contextlib.suppress(OSError):
            rows = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
            found += [row.split()[1] for row in rows if row.split()[0] == self._places["KEY"]]
        return found

    def _remove(self) -> None:
        for listener in self._sockets:
            listener.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if "stragglers" in self._kinds:
            for pid in self.stragglers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
        if "shared_memory" in self._kinds:
            for name in self._shared_memory():
                _remove_shared_memory(name)


def _remove_shared_memory(name: str) -> None:
    if name.isdigit():
        import ctypes

        ctypes.CDLL(None).shmctl(int(name), _IPC_RMID, None)
    else:
        Path(name).unlink(missing_ok=True)


def _state_of_folder(folder: Path) -> object:
    """Return what a harmless program leaves as it is: names, rights, times of change and contents."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            found.append((path.name, status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, content))
    return found


def _state_of_process(process: subprocess.Popen[bytes]) -> object:
    if process.poll() is not None:
        return "ended"
    found: list[object] = []
    if hasattr(resource, "prlimit"):
        found.append(resource.prlimit(process.pid, resource.RLIMIT_NOFILE))
        found.append(os.sched_getaffinity(process.pid))
    found.append(os.getpriority(os.PRIO_PROCESS, process.pid))
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        found.append(state in "Tt")
    return found


def _has_received(listener: socket.socket) -> bool:
    try:
        if listener.type == socket.SOCK_STREAM:
            listener.accept()[0].close()
        else:
            listener.recv(1)
    except OSError:
        return False
    return True
