"""Runs a trusted program's functions directly, in a Python of their own, and answers with what came of it.

Started by path. A pickle on standard input holds `program` and either `entry_point` and `calls` (lists of arguments)
or `tests` (source texts); the answer is a pickle on standard output, one pair per call or test: `value` and what was
returned, `opaque` and the name of its class, `ok`, or `error` and the exception's name. Standard library only.
"""

from __future__ import annotations

import os
import pickle
import sys
import types
from typing import Any

_FILE = "program.py"


def _load(program: str) -> types.ModuleType:
    module = types.ModuleType("solution")
    module.__file__ = _FILE
    sys.modules["solution"] = module
    exec(compile(program, _FILE, "exec"), module.__dict__)
    return module


def _call(module: types.ModuleType, entry_point: str, arguments: list[Any]) -> tuple[str, Any]:
    function = getattr(module, entry_point, None)
    try:
        if function is None:
            function = getattr(module.Solution(), entry_point)
        value = function(*arguments)
        try:
            pickle.dumps(value)
        except Exception:  # noqa: BLE001 - what cannot travel is not compared
            return "opaque", type(value).__name__
        return "value", value
    except BaseException as error:  # noqa: BLE001 - an exception is an answer
        return "error", type(error).__name__


def _test(module: types.ModuleType, text: str) -> tuple[str, Any]:
    try:
        exec(compile(text, "test", "exec"), dict(vars(module)))
    except BaseException as error:  # noqa: BLE001 - an exception is an answer
        return "error", type(error).__name__
    return "ok", None


def main() -> int:
    """Read the request, carry it out, write the answer."""
    request = pickle.load(sys.stdin.buffer)
    answer_to = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    parts = request.get("calls") or request.get("tests")
    try:
        module = _load(request["program"])
    except BaseException as error:  # noqa: BLE001 - an exception is an answer
        answers = [("error", type(error).__name__)] * len(parts)
    else:
        if "calls" in request:
            answers = [_call(module, request["entry_point"], arguments) for arguments in parts]
        else:
            answers = [_test(module, text) for text in parts]
    pickle.dump(answers, answer_to)
    answer_to.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
