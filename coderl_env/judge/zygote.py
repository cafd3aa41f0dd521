"""The judge's zygote: a small process, started by path, from which every program's processes are forked.

It imports what programs commonly import, enters its namespaces and gives up its privileges once, and then judges one
program after the other. It is
started as `python -S -s -P zygote.py DESCRIPTOR CONFIGURATION` with an empty environment, so that nothing of the
trainer's process, memory or secrets is near, and nothing that installed packages do at Python's start. Standard library
only.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import site
import socket
import sys
import types
from typing import Any, NamedTuple

_JUDGE = os.path.dirname(os.path.realpath(__file__))

# What programs commonly import: each costs time once here instead of once per test. What few import stays out: its
# memory would make every fork, and every end of a child, slower.
_PRELOADED = (
    "array", "bisect", "cmath", "collections", "contextlib", "copy", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "io", "itertools", "math", "numbers", "operator", "queue", "random", "re", "statistics",
    "string", "textwrap", "threading", "time", "traceback", "typing", "unicodedata",
)  # fmt: skip
# Third-party packages that programs may import; no other installed package can be read.
_READABLE_PACKAGES = ("numpy", "numpy.libs")
_SYSTEM_PATHS = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/localtime",
    "/usr/share/zoneinfo",
)  # fmt: skip
_BOX_BYTES = 64 << 20
# Where a program runs, inside the box: its parent can be listed, and has nothing else in it.
_DIRECTORY = "work"
# Guards that a tier does not have, or need.
_UNAVAILABLE = {
    "strict": {"session", "orphans"},
    "portable": {"session"},
    "none": {"privileges", "files", "calls", "orphans"},
}


def _make_package_importable() -> None:
    """Make `coderl_env.judge` importable without running the package's own `__init__`, which imports gymnasium."""
    for name, folder in (("coderl_env", os.path.dirname(_JUDGE)), ("coderl_env.judge", _JUDGE)):
        package = types.ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package


def main(argv: list[str]) -> int:
    """Serve programs over the socket whose descriptor is `argv[1]`, until it closes."""
    _make_package_importable()
    register = _ignore_fork_hooks()
    # Every module that a program's processes need is imported here; a fork imports nothing of ours.
    from coderl_env.judge import child, interpreter, kernel, relay, sandbox, seccomp, supervisor, wire
    from coderl_env.judge.watch import memory_of

    connection = socket.socket(fileno=int(argv[1]))
    configuration = json.loads(argv[2])
    tier = configuration["tier"]
    guards = _guards(tier, configuration["without"])
    box = configuration["box"]
    folders: dict[str, list[str]] = configuration["folders"]
    try:
        if sys.platform == "linux":
            sandbox.set_death_signal()
            sandbox.become_subreaper()
        if tier == "strict":
            sandbox.enter_namespaces()
            status = _become_first_process(connection)
            if status is not None:
                return status
            sandbox.make_world_read_only(box, _BOX_BYTES, folders["packages"])
        else:
            folders["hidden"] += folders["packages"]
        directory = f"{box}/{_DIRECTORY}"
        os.mkdir(directory, 0o700)
        os.chdir(directory)
        ruleset = sandbox.create_ruleset(_rules(sandbox, folders, box, directory)) if "files" in guards else -1
        calls = seccomp.Filter() if "calls" in guards else None
        if "limits" in guards:
            sandbox.limit_descendants()
        if "privileges" in guards:
            sandbox.drop_privileges()
    except kernel.SandboxError as error:
        wire.send_frame(connection, {"unavailable": str(error)})
        return 1
    _finish_start(folders["libraries"])
    _preload(numpy=configuration["numpy"])
    if "environment" in guards:
        os.environ.clear()
        # All that remains: without it `locale` would take the encoding for ASCII.
        os.environ["LANG"] = "C.UTF-8"
    connection = _arrange_descriptors(connection)
    modules = _Modules(supervisor, wire)
    confinement = child.Confinement(guards, ruleset, calls, directory, *memory_of(os.getpid()))
    interpreter.prepare_interpreter(directory)
    os.register_at_fork = register
    pages = relay.Relay()
    # A collection in a child would touch, and so copy, every page that it shares with this process.
    gc.disable()
    gc.collect()
    gc.freeze()
    wire.send_frame(connection, {"ready": True})
    return _serve(connection, confinement, pages, modules)


class _Modules(NamedTuple):
    """The judge's modules: programs must not find them in `sys.modules`."""

    supervisor: Any
    wire: Any


def _ignore_fork_hooks() -> Any:
    """Have the modules that are imported from now on register nothing for after a fork; return what undoes that.

    New locks and new random numbers are for processes with threads, which this one never is; in a program that is over
    in a millisecond they would cost as much as the fork itself.
    """
    register = os.register_at_fork
    os.register_at_fork = lambda **_: None
    return register


def _finish_start(libraries: list[str]) -> None:
    """Do what a program needs of that which Python, started with -S, leaves out: `exit` and its like, and packages."""
    sys.path += libraries
    site.setquit()
    site.setcopyright()
    site.sethelper()


def _preload(*, numpy: bool) -> None:
    """Import what programs commonly import."""
    if numpy:
        # Threads of its linear algebra would be counted, and lost in a fork.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        # Numbers that a program does not seed are the same in every run.
        importlib.import_module("numpy").random.seed(0)
    for name in _PRELOADED:
        importlib.import_module(name)


def _arrange_descriptors(connection: socket.socket) -> socket.socket:
    """Return the connection, moved out of the way of the low numbers; /dev/null holds the children's places."""
    from coderl_env.judge import child

    moved = socket.socket(fileno=fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, 80))
    connection.close()
    for place in child.RESERVED:
        os.dup2(0, place)
    return moved


def _guards(tier: str, without: list[str]) -> frozenset[str]:
    """Return the guards of a tier; `without` removes some, so that tests can show what each is for."""
    from coderl_env.judge import child

    return child.GUARDS - _UNAVAILABLE[tier] - set(without)


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


def _rules(sandbox: Any, folders: dict[str, list[str]], box: str, directory: str) -> list[tuple[str, int]]:
    """Return what a program may open: the interpreter, its standard library, numpy, and its own directory.

    Landlock hides a folder by a rule for everything beside it; of hundreds of rules each child has its own copies.
    """
    hidden = [*folders["hidden"], *folders["libraries"]]
    rules = [(box, sandbox.LIST), (directory, sandbox.READ_WRITE), ("/dev/null", sandbox.READ_WRITE)]
    rules += [(device, sandbox.READ) for device in ("/dev/zero", "/dev/urandom", "/dev/random")]
    # By their real names: where /lib is a link to /usr/lib, what is hidden below the one is hidden below the other.
    for root in dict.fromkeys(map(os.path.realpath, (*folders["interpreter"], *_SYSTEM_PATHS))):
        rules += sandbox.rules_below(root, sandbox.READ, hidden)
    for library in folders["libraries"]:
        rules.append((library, sandbox.LIST))
        rules += [(f"{library}/{name}", sandbox.READ) for name in _READABLE_PACKAGES]
    return rules


def _serve(connection: socket.socket, confinement: Any, relay: Any, modules: _Modules) -> int:
    """Judge one program after the other, until the connection closes."""
    try:
        while connection.recv(1, socket.MSG_PEEK):
            header, source_size = modules.wire.receive_header(connection)
            modules.supervisor.judge_program(connection, confinement, relay, header, source_size)
    except EOFError:
        pass
    except modules.supervisor.LostChildError as error:
        # Nothing is known of the program. The trainer starts another zygote.
        os.write(2, f"coderl judge: a program's process was lost: {error}\n".encode())
        return 1
    except OSError:
        return 1  # the machine is out of something
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
