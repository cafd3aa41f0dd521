"""The interpreter as a program expects to find it, prepared once in the zygote; and how an exception is described.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import builtins
import gc
import io
import os
import random
import sys
import types
from collections.abc import Mapping
from typing import Any

PROGRAM_FILE = "program.py"
# The one descriptor that a program has beside standard input, output and error.
CHANNEL = 3
_MESSAGE_CHARACTERS = 300
_PYTHON_RECURSION_LIMIT = 1000
# Bound before the program can replace it.
exit_now = os._exit


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
    # The type stubs call these final.
    sys.stdin = sys.__stdin__ = _standard_stream(0, "<stdin>", "r", "surrogateescape")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _standard_stream(1, "<stdout>", "w", "surrogateescape")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _standard_stream(2, "<stderr>", "w", "backslashreplace")  # type: ignore[misc]
    os.dup2(said, 2)
    os.close(said)


def prepare_module(name: str, names: Mapping[str, Any]) -> types.ModuleType:
    """Return a module for a program, in which `names` are known; made once, for whatever is forked from here.

    Names that a child puts in cost it a copy of every page that holds one of the objects.
    """
    module = types.ModuleType(name)
    module.__dict__.update(names, __builtins__=builtins, __file__=PROGRAM_FILE)
    return module


def enter_module(module: types.ModuleType) -> dict[str, Any]:
    """Make a prepared module the program's own, and return its names."""
    gc.enable()
    sys.modules[module.__name__] = module
    return module.__dict__


def _standard_stream(descriptor: int, name: str, mode: str, errors: str) -> io.TextIOWrapper:
    """Return a text stream like those that the interpreter makes; programs ask for its `name` and `mode`."""
    raw: Any = io.FileIO(descriptor, mode, closefd=False)
    raw.name = name
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    # Carriage returns of the input are kept.
    # Of no type for the checker, which knows of no `mode` to set.
    stream: Any = io.TextIOWrapper(
        buffer, encoding="utf-8", errors=errors, newline="\n", line_buffering=name == "<stderr>"
    )
    stream.mode = mode
    return stream  # type: ignore[no-any-return]


def set_recursion_limit() -> None:
    """Give the program the depth it would have as a main module, whatever frames lie below it here."""
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        depth += 1
        frame = frame.f_back
    sys.setrecursionlimit(_PYTHON_RECURSION_LIMIT + depth)


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
