"""What a program child does: give up its power, then run the program as `python program.py` would, or serve calls.

Everything here runs in a forked, limited process that the program owns completely; nothing it reports is believed
beyond what it says about itself. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import enum
import gc
import io
import json
import marshal
import os
import random
import socket
import sys
import threading
import traceback
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from coderl_env.judge import sandbox, wire

PROGRAM_FILE = "program.py"
# The one descriptor that a program has beside standard input, output and error.
CHANNEL = 3
# Closed before the program runs: the socket on which the child says how far it is (confined, compiled) and is told to
# go on, the source, and the compiled code for the children after it.
READY, SOURCE, CODE = 4, 5, 6
# The zygote keeps descriptors of /dev/null there, so that none of its own is in a child's way.
RESERVED = (CHANNEL, READY, SOURCE, CODE)
# What it says, together, and is told.
COMPILED, GO = b"1c", b"g"
_MESSAGE_CHARACTERS = 300
_PYTHON_RECURSION_LIMIT = 1000
# Bound before the program can replace it.
_exit = os._exit
_TYPING = {name: getattr(typing, name) for name in typing.__all__}


# What a child is bound by. `session` is all that tier none has to end what a program started; in tier strict the end of
# the pid namespace ends everything, elsewhere a child dies with its zygote (`orphans`).
GUARDS = frozenset({"limits", "privileges", "files", "calls", "descriptors", "environment", "session", "orphans"})


@dataclass(frozen=True, slots=True)
class Confinement:
    """What binds a child, prepared once by the zygote, which has given up its privileges by then.

    Attributes:
        guards: what is in force, out of `GUARDS`.
        ruleset: descriptor of the Landlock ruleset, or -1.
        filter: the system call filter, or None.
        directory: the private directory, in which all these processes are; emptied between tests.
        mapped_bytes: address space of the zygote.
        resident_bytes: memory of the zygote.
    """

    guards: frozenset[str]
    ruleset: int
    filter: sandbox.Filter | None
    directory: str
    mapped_bytes: int
    resident_bytes: int


class Job(enum.Enum):
    """What a child is for: to run at once, or to say that it has compiled and wait for `GO`."""

    RUN = enum.auto()
    RUN_WHEN_TOLD = enum.auto()
    SERVE_CALLS_WHEN_TOLD = enum.auto()


def begin(
    job: Job, files: Sequence[int], confinement: Confinement, limits: Mapping[str, Any], cpu_seconds: float
) -> NoReturn:
    """Become the child: take `files` as descriptors 0, 1, 2 and so on, give up all power, carry out `job`."""
    ready = files[READY]
    try:
        # None of the zygote's is in the way: the low places are reserved.
        for place, descriptor in enumerate(files):
            os.dup2(descriptor, place)
        ready = READY
        _confine(confinement, limits, cpu_seconds)
        os.write(READY, b"1")
    except BaseException as error:  # noqa: BLE001 - a child that is not confined must never run the program
        os.write(ready, b"0" + repr(error).encode())
        _exit(1)
    several = len(files) > CODE
    code = _load_code() if several else None
    if code is None:
        code = _compile()
        if several:
            _keep_code(code)
    if job is not Job.RUN:
        os.write(READY, b"c")
        if os.read(READY, 1) != GO:
            _exit(1)
    os.closerange(READY, CODE + 1)
    if "limits" in confinement.guards:
        sandbox.limit_output(limits)
    if job is Job.SERVE_CALLS_WHEN_TOLD:
        serve_calls(code)
    run_program(code)


def _confine(confinement: Confinement, limits: Mapping[str, Any], cpu_seconds: float) -> None:
    """Bind the calling process for good: limits, files, descriptors, system calls.

    Raises:
        SandboxError: a part of it was refused; the program must not run.
    """
    guards = confinement.guards
    if "limits" in guards:
        sandbox.limit_program(limits, cpu_seconds, confinement.mapped_bytes)
    if "session" in guards:
        os.setsid()
    elif "orphans" in guards:
        sandbox.set_death_signal()
    if "files" in guards:
        sandbox.restrict_files(confinement.ruleset)
    if "descriptors" in guards:
        os.closerange(CODE + 1, 1024)
    if confinement.filter is not None:
        confinement.filter.install()


def _compile() -> types.CodeType:
    """Compile the source as `python program.py` would; say what is wrong with it, and exit, if that fails."""
    try:
        return compile(_read_all(SOURCE), PROGRAM_FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        description = {**describe(error), "line": getattr(error, "lineno", None)}
        os.write(READY, b"x" + json.dumps(description).encode("ascii"))
        _exit(0)


def _keep_code(code: types.CodeType) -> None:
    """Leave the code to the children after this one; without it they compile for themselves."""
    with contextlib.suppress(ValueError):  # nested more deeply than marshal goes
        data = memoryview(marshal.dumps(code))
        while data:
            data = data[os.write(CODE, data) :]


def _load_code() -> types.CodeType | None:
    """Return what the first child left, before it ran anything of the program; None for the first itself."""
    data = _read_all(CODE)
    return marshal.loads(data) if data else None


def _read_all(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def run_program(code: types.CodeType) -> NoReturn:
    """Run `code` as the main module over descriptors 0, 1 and 2, report an uncaught exception, and exit."""
    module = _fresh_module("__main__")
    _set_recursion_limit()
    status = 0
    try:
        exec(code, module.__dict__)
    except SystemExit as stop:
        status = _exit_status(stop)
    except BaseException as error:  # noqa: BLE001 - whatever the program raises ends it, as in Python itself
        _report(error)
        status = 1
    status = _finalize(status, module.__dict__)
    if _names(code) & _FILE_MAKERS:
        _flush_files()
    _exit(status)


def serve_calls(code: types.CodeType) -> NoReturn:
    """Load `code` as the module `solution` and answer requests on the channel until it closes."""
    channel = socket.socket(fileno=CHANNEL)
    module = _fresh_module("solution")
    # Signatures of call-based problems use these without importing them, as LeetCode allows.
    module.__dict__.update(_TYPING)
    _set_recursion_limit()
    try:
        exec(code, module.__dict__)
    except BaseException as error:  # noqa: BLE001 - reported; the supervisor decides
        wire.send_frame(channel, {"error": describe(error)})
        _exit(0)
    wire.send_frame(channel, {"loaded": True})
    objects = _Objects(module)
    while True:
        try:
            request, _ = wire.receive_frame(channel)
        except EOFError:
            _exit(0)
        try:
            reply = objects.answer(request)
            frame = wire.pack_frame(reply)
        except BaseException as error:  # noqa: BLE001 - reported; the supervisor decides
            frame = wire.pack_frame({"error": describe(error)})
        channel.sendall(frame)


class _Objects:
    """The program's names, and the objects that others hold handles to."""

    def __init__(self, module: types.ModuleType) -> None:
        self._module = module
        self._table: list[Any] = []
        self._numbers: dict[int, int] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request: `call`, `get` or `set`."""
        target = self._resolve(request["target"])
        if request["op"] == "get":
            return {"value": self._encode(getattr(target, request["attribute"]))}
        if request["op"] == "set":
            setattr(target, request["attribute"], self._decode(request["value"]))
            return {"value": None}
        args = self._decode(request["args"])
        keywords = {name: self._decode(value) for name, value in request.get("keywords", {}).items()}
        if request.get("attribute"):
            target = getattr(target, request["attribute"])
        value = self._encode(target(*args, **keywords))
        # Only the tests of asserts look at arguments again.
        if request.get("mutated"):
            return {"value": value, "args": self._encode([*args, *keywords.values()])}
        return {"value": value}

    def _resolve(self, target: str | int) -> Any:
        if isinstance(target, int):
            return self._table[target]
        head, *rest = target.split(".")
        found = self._lookup(head)
        for part in rest:
            name, called = part.removesuffix("()"), part.endswith("()")
            found = getattr(found, name)
            found = found() if called else found
        return found

    def _lookup(self, part: str) -> Any:
        name, called = part.removesuffix("()"), part.endswith("()")
        names = self._module.__dict__
        if name in names:
            found = names[name]
        elif hasattr(names.get("Solution"), name):
            # APPS and LeetCode: a method of class Solution, on a fresh instance.
            found = getattr(names["Solution"](), name)
        else:
            raise NameError(f"the program defines no {name!r}")
        return found() if called else found

    def _encode(self, value: Any) -> Any:
        return wire.encode_value(value, self._keep)

    def _keep(self, value: Any) -> wire.Handle:
        # The table keeps every object alive, so that no other gets its address.
        number = self._numbers.setdefault(id(value), len(self._table))
        if number == len(self._table):
            self._table.append(value)
        return wire.Handle(number, type(value).__name__)

    def _decode(self, data: Any) -> Any:
        return self._unwrap(wire.decode_value(data))

    def _unwrap(self, value: Any) -> Any:
        if isinstance(value, wire.Handle):
            return self._table[value.number]
        if type(value) is list:
            return [self._unwrap(item) for item in value]
        if type(value) is tuple:
            return tuple(self._unwrap(item) for item in value)
        if type(value) is dict:
            return {key: self._unwrap(item) for key, item in value.items()}
        return value


# The more special ones first.
_BUILTIN_EXCEPTIONS = tuple(
    sorted(
        (kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, BaseException)),
        key=lambda kind: -len(kind.__mro__),
    )
)


def describe(error: BaseException) -> dict[str, Any]:
    """Return name, line in the program and shortened message of an exception; never fails."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001 - the program's own __str__ may do anything
        message = ""
    # For tests that catch a builtin exception of which the program raises a class of its own.
    base = next((parent for parent in _BUILTIN_EXCEPTIONS if issubclass(kind, parent)), Exception)
    return {
        "type": str(name)[:100],
        "base": base.__name__,
        "line": line,
        "message": message[:_MESSAGE_CHARACTERS],
    }


def prepare_interpreter(directory: str) -> None:
    """Make the calling process's interpreter what a program expects to find, once for all that are forked from it.

    The judge's own modules are gone from `sys.modules`, the standard streams are fresh, and random numbers that a
    program does not seed are the same in every run, as the order of its sets is: a verdict must not change by chance.
    """
    for own in [own for own in sys.modules if own.partition(".")[0] == "coderl_env"]:
        del sys.modules[own]
    sys.argv = [PROGRAM_FILE]
    sys.path.insert(0, directory)
    random.seed(0)
    # As Python does in a UTF-8 locale whose output is a file: undecodable input bytes survive a round trip. All three
    # are made over descriptors like those of a child.
    said = os.dup(2)
    os.dup2(0, 2)
    sys.stdin = sys.__stdin__ = _standard_stream(0, "<stdin>", "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _standard_stream(1, "<stdout>", "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _standard_stream(2, "<stderr>", "w", "backslashreplace")  # type: ignore[misc]
    os.dup2(said, 2)
    os.close(said)


def _fresh_module(name: str) -> types.ModuleType:
    """Return an empty module for the program."""
    gc.enable()
    module = types.ModuleType(name)
    module.__dict__.update(__builtins__=builtins, __file__=PROGRAM_FILE)
    sys.modules[name] = module
    return module


def _standard_stream(descriptor: int, name: str, mode: str, errors: str) -> io.TextIOWrapper:
    """Return a text stream like those that the interpreter makes; programs ask for its `name` and `mode`."""
    raw: Any = io.FileIO(descriptor, mode, closefd=False)
    raw.name = name
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    # Carriage returns of the input are kept.
    stream: Any = io.TextIOWrapper(
        buffer, encoding="utf-8", errors=errors, newline="\n", line_buffering=name == "<stderr>"
    )
    stream.mode = mode
    return stream  # type: ignore[no-any-return]


def _set_recursion_limit() -> None:
    """Give the program the depth it would have as a main module, whatever frames lie below it here."""
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        depth += 1
        frame = frame.f_back
    sys.setrecursionlimit(_PYTHON_RECURSION_LIMIT + depth)


def _exit_status(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        code = int(stop.code)
        return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 0xFF
    print(stop.code, file=sys.stderr)  # noqa: T201 - what Python does with such an exit
    return 1


def _finalize(status: int, names: dict[str, Any]) -> int:
    """Do what the interpreter does at its end: wait for threads, run exit functions, flush, let go of objects."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001 - Python prints such errors and goes on
        traceback.print_exc()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - Python ends with status 120 here
        if not getattr(sys.stdout, "closed", False):
            _report(error)
            return 120
    _release(names)
    with contextlib.suppress(BaseException):  # the program may have put anything in its place
        sys.__stdout__.flush()  # type: ignore[union-attr]
    return status


# Names without which a program makes no file of its own.
_FILE_MAKERS = frozenset({"open", "fdopen", "FileIO", "BufferedWriter", "TextIOWrapper", "import_module", "__import__"})


def _names(code: types.CodeType) -> set[str]:
    """Return the names that the code uses, in its functions and classes, too."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _flush_files() -> None:
    """Write out the files that only a container, a method or a function holds, as the interpreter does at its end."""
    for found in gc.get_objects():
        if type(found) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom):
            with contextlib.suppress(BaseException):
                found.flush()


# Freeing them takes time and writes nothing; what lies inside containers is rarely a file.
_KEPT = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.NoneType, int, float, complex, str,
    bytes, bytearray, list, tuple, dict, set, frozenset,
)  # fmt: skip


def _release(names: dict[str, Any]) -> None:
    """Let go of the objects that the program's names hold: files then write out what they have, finalisers run."""
    for name, value in list(names.items()):
        if not issubclass(type(value), _KEPT):
            names[name] = value = None


def _report(error: BaseException) -> None:
    # The program may have closed the channel; then there is nothing to tell.
    with contextlib.suppress(OSError):
        os.write(CHANNEL, json.dumps(describe(error)).encode("ascii"))
