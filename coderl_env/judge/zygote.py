"""The judge's zygote: a small process, started by path, from which every program's processes are forked.

It imports what programs commonly import, enters its namespaces once, and then forks one supervisor per program. It is
started as `python -s -P zygote.py DESCRIPTOR CONFIGURATION` with an empty environment, so that nothing of the
trainer's process, memory or secrets is near. Standard library only.
"""

from __future__ import annotations

import gc
import importlib
import json
import mmap
import os
import signal
import socket
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent

# What programs commonly import; each costs time once here instead of once per test.
_PRELOADED = (
    "array", "ast", "bisect", "calendar", "cmath", "collections", "contextlib", "copy", "dataclasses", "datetime",
    "decimal", "enum", "fractions", "functools", "heapq", "inspect", "io", "itertools", "math", "numbers", "operator",
    "pprint", "queue", "random", "re", "statistics", "string", "textwrap", "threading", "time", "traceback", "typing",
    "unicodedata",
)  # fmt: skip
# Third-party packages that programs may import; no other installed package can be read.
_READABLE_PACKAGES = ("numpy", "numpy.libs")
_SYSTEM_PATHS = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime",
    "/usr/share/zoneinfo",
)  # fmt: skip
_BOX_BYTES = 64 << 20


def _make_package_importable() -> None:
    """Make `coderl_env.judge` importable without running the package's own `__init__`, which imports gymnasium."""
    for name, folder in (("coderl_env", _PACKAGE), ("coderl_env.judge", _PACKAGE / "judge")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


def main(argv: list[str]) -> int:
    """Serve programs over the socket whose descriptor is `argv[1]`, until it closes."""
    _make_package_importable()
    from coderl_env.judge import child, sandbox, wire

    connection = socket.socket(fileno=int(argv[1]))
    configuration = json.loads(argv[2])
    tier = configuration["tier"]
    guards = _guards(tier, configuration["without"])
    box = configuration["box"]
    try:
        if sys.platform == "linux":
            sandbox.set_death_signal()
        if tier == "strict":
            sandbox.enter_namespaces()
            status = _become_first_process(connection)
            if status is not None:
                return status
            sandbox.make_world_read_only(box, _BOX_BYTES)
        if configuration["numpy"]:
            # Threads of its linear algebra would be counted, and lost in a fork.
            os.environ["OPENBLAS_NUM_THREADS"] = "1"
            importlib.import_module("numpy")
        for name in _PRELOADED:
            importlib.import_module(name)
        ruleset, seccomp = -1, b""
        if "files" in guards:
            ruleset = sandbox.create_ruleset(_rules(sandbox, box, configuration["hidden"]))
        if "calls" in guards:
            seccomp = sandbox.seccomp_template()
    except sandbox.SandboxError as error:
        wire.send_frame(connection, {"unavailable": str(error)})
        return 1
    if "environment" in guards:
        os.environ.clear()
        # All that remains: without it `locale` would take the encoding for ASCII.
        os.environ["LANG"] = "C.UTF-8"
    # Every module that a program's processes need is imported by now; a fork imports nothing of ours.
    importlib.import_module("coderl_env.judge.supervisor")
    gc.collect()
    gc.freeze()
    wire.send_frame(connection, {"ready": True})
    return _serve(connection, child.Confinement(guards, ruleset, seccomp, box))


def _guards(tier: str, without: list[str]) -> frozenset[str]:
    """Return the guards of a tier; `without` removes some, so that tests can show what each is for."""
    from coderl_env.judge import child

    unavailable = {"privileges", "files", "calls"} if tier == "none" else {"session"}
    return child.GUARDS - unavailable - set(without)


def _become_first_process(connection: socket.socket) -> int | None:
    """Fork into the new pid namespace; return None in the first process there, its exit status in the one outside."""
    from coderl_env.judge import sandbox

    pid = os.fork()
    if pid == 0:
        sandbox.set_death_signal()
        return None
    connection.close()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _rules(sandbox: Any, box: str, hidden: list[str]) -> list[tuple[str, int]]:
    """Return what a program may open: the interpreter, its standard library, numpy, and its own directory."""
    paths = {name: str(Path(path).resolve()) for name, path in sysconfig.get_paths().items()}
    libraries = {paths["purelib"], paths["platlib"]}
    interpreter = {paths["stdlib"], paths["platstdlib"], str(Path(sys.base_prefix).resolve() / "lib")}
    # Installed packages may carry the very problems, tests and solutions that programs are judged on.
    packages = {f"{root}/{name}" for root in interpreter for name in ("site-packages", "dist-packages")}
    packages |= {
        str(path) for root in ("/usr/lib", "/usr/local/lib") for path in Path(root).glob("python3*/*-packages")
    }
    hidden = [*hidden, *libraries, *packages]
    rules = [(box, sandbox.READ_WRITE), ("/dev/null", sandbox.READ_WRITE)]
    rules += [(device, sandbox.READ) for device in ("/dev/zero", "/dev/urandom", "/dev/random")]
    for root in (*interpreter, *_SYSTEM_PATHS):
        rules += sandbox.rules_below(root, sandbox.READ, hidden)
    for library in libraries:
        rules.append((library, sandbox.LIST))
        rules += [(f"{library}/{name}", sandbox.READ) for name in _READABLE_PACKAGES]
    return rules


def _serve(connection: socket.socket, confinement: Any) -> int:
    from coderl_env.judge import wire

    # One byte, shared with the supervisor: whether the answer to the compilation has been sent.
    compiled = mmap.mmap(-1, 1)
    while True:
        try:
            header, source = wire.receive_frame(connection)
        except EOFError:
            return 0
        compiled[0] = 0
        pid = os.fork()
        if pid == 0:
            _supervise(connection, confinement, header, source, compiled)
        _, status = os.waitpid(pid, 0)
        if status == 0:
            continue
        if compiled[0] or not _is_crash(status):
            # The supervisor itself failed: nothing is known of the program. The trainer starts another zygote.
            return 1
        _answer_for_dead_compiler(connection, status)


def _is_crash(status: int) -> bool:
    """Whether a process ended by a signal that its own doing brings about; SIGKILL comes from elsewhere."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL


def _supervise(
    connection: socket.socket, confinement: Any, header: dict[str, Any], source: bytes, compiled: mmap.mmap
) -> None:
    from coderl_env.judge import sandbox, supervisor

    def announce_compiled() -> None:
        compiled[0] = 1

    status = 1
    try:
        if sys.platform == "linux":
            sandbox.set_death_signal()
            sandbox.become_subreaper()
        # A collection would touch, and so copy, every page that is shared with the zygote.
        gc.disable()
        # Hostile source can crash the compiler, or make it use time and memory without end.
        sandbox.limit_supervisor(header["limits"])
        supervisor.Supervisor(connection, confinement, header).serve(source, announce_compiled)
        status = 0
    except (EOFError, OSError):
        status = 2  # the trainer is gone, or the machine is out of something; never a verdict
    except supervisor.UnconfinedError as error:
        os.write(2, f"coderl judge: a program could not be confined: {error}\n".encode())
        status = 3
    finally:
        os._exit(status)


def _answer_for_dead_compiler(connection: socket.socket, status: int) -> None:
    """Answer in the place of a supervisor that died while it compiled."""
    from coderl_env.judge import wire

    name = signal.Signals(os.WTERMSIG(status)).name
    error = {"type": "CompilerCrash", "line": None, "message": f"the compiler ended with {name}"}
    wire.send_frame(connection, {"compiled": False, "error": error})
    while wire.receive_frame(connection)[0]["op"] != "end":
        wire.send_frame(connection, {"not_run": True})
    wire.send_frame(connection, {"ended": True})


if __name__ == "__main__":
    sys.exit(main(sys.argv))
