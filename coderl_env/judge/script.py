"""What a child does for a test of standard input: runs the program as `python program.py` would, to its very end.

Everything here runs in a forked, limited process that the program owns completely; nothing it reports is believed
beyond what it says about itself. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import json
import os
import sys
import threading
import traceback
import types
from typing import Any, NoReturn

from coderl_env.judge.interpreter import CHANNEL, describe, enter_module, exit_now, prepare_module, set_recursion_limit

_MODULE = prepare_module("__main__", {})


def run_program(code: types.CodeType) -> NoReturn:
    """Run `code` as the main module over descriptors 0, 1 and 2, report an uncaught exception, and exit."""
    names = enter_module(_MODULE)
    set_recursion_limit()
    status = 0
    try:
        exec(code, names)
    except SystemExit as stop:
        status = _exit_status(stop)
    except BaseException as error:  # noqa: BLE001 - whatever the program raises ends it, as in Python itself
        _report(error)
        status = 1
    status = _finalize(status, names)
    if _names(code) & _FILE_MAKERS:
        _flush_files()
    exit_now(status)


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
        threading._shutdown()  # type: ignore[attr-defined]  # not in the type stubs
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
        sys.__stdout__.flush()  # type: ignore[union-attr]  # set when the process began
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
