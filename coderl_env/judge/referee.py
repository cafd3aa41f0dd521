"""The judge's referee: a trusted process that runs the data set's own code, asserts and special checkers.

It never holds the program. Names of the program are proxies: a call travels to the program's process and comes back as
plain values, so that what an assert compares was built here, by builtin types. Started by path, with an empty
environment; standard library only.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import os
import resource
import socket
import sys
import types
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent
_MEMORY_BYTES = 2 << 30
_MESSAGE_CHARACTERS = 300
# Python's own, and the frames that a question to the program may need.
_RECURSION_LIMIT = 1500
# APPS and LeetCode: the class whose methods are asked for.
_HOLDER = "Solution"


def _make_package_importable() -> None:
    for name, folder in (("coderl_env", _PACKAGE), ("coderl_env.judge", _PACKAGE / "judge")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package


_make_package_importable()
kernel = importlib.import_module("coderl_env.judge.kernel")
sandbox = importlib.import_module("coderl_env.judge.sandbox")
seccomp = importlib.import_module("coderl_env.judge.seccomp")
wire = importlib.import_module("coderl_env.judge.wire")
proxies = importlib.import_module("coderl_env.judge.proxies")


def _run_assert(connection: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """Run one test; answer how it ended: `ok`, `failed`, `raised` (by the program), `abandoned`, or `broken` itself."""
    try:
        tree = ast.parse(request["code"])
        code = compile(tree, "test", "exec")
        namespace: dict[str, Any] = {"__name__": "test"}
        _define_helpers(request["starter_code"], request["entry_point"], namespace)
    except Exception as error:  # noqa: BLE001 - a fault of the problem, whatever it is
        return {"done": "broken", "message": _describe(error)}
    program = proxies.Program(connection, _classes(tree, namespace), namespace)
    namespace |= _modules(tree, request["entry_point"])
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or node.id in namespace:
            continue
        # A builtin stays a builtin, unless it is the very name that the problem asks for.
        if node.id == request["entry_point"] or not hasattr(builtins, node.id):
            namespace[node.id] = proxies.Name(program, node.id)
    answer = _run_code(code, namespace, program)
    if program.unusable:
        return {"done": "broken", "message": program.unusable}
    # The program may have caught it.
    if program.failure is not None and answer["done"] in ("ok", "raised"):
        return {"done": "failed", "message": _describe(program.failure)}
    return answer


def _run_code(code: types.CodeType, namespace: dict[str, Any], program: Any) -> dict[str, Any]:
    try:
        exec(code, namespace)
    except proxies.Abandoned:
        return {"done": "abandoned"}
    except proxies.ParentGone:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its answer
        if isinstance(error, proxies.RaisedByProgram):
            return {"done": "raised"}
        return {"done": "failed", "message": _describe(error)}
    if program.asked == 0:
        return {"done": "failed", "message": "the test never used the program"}
    return {"done": "ok"}


def _modules(tree: ast.AST, entry_point: str | None) -> dict[str, types.ModuleType]:
    """Return the standard modules whose attributes a test uses, as MBPP's do without importing them.

    Not the program's: what it calls `math` might say that everything is close.
    """
    assigned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name in sys.stdlib_module_names and name not in assigned and name != entry_point:
                with contextlib.suppress(ImportError):
                    found[name] = importlib.import_module(name)
    return found


def _classes(tree: ast.AST, namespace: dict[str, Any]) -> set[str]:
    """Return the names in a test that can only mean classes of the program.

    Not the name of a builtin, of something that the test or the starter code defines, or of a function: a program could
    call a class of its own the same. Nor the class that only holds functions: its objects are no data.
    """
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    defined = {node.id for node in names if isinstance(node.ctx, ast.Store)} | namespace.keys()
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            defined.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
    used = {node.id for node in names if node.id[:1].isupper() and not hasattr(builtins, node.id)}
    return used - defined - {_HOLDER}


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - such as an int with too many digits, shown by a test
        text = ""
    return f"{type(error).__name__}: {text}"[:_MESSAGE_CHARACTERS]


def _define_helpers(starter_code: str, entry_point: str | None, namespace: dict[str, Any]) -> None:
    """Define the functions that the starter code itself gives a body, and its imports; never the program's."""
    try:
        tree = ast.parse(starter_code)
    except SyntaxError:
        try:
            tree = ast.parse(starter_code.rstrip() + "\n    pass\n")
        except SyntaxError:
            return
    kept = [
        node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_helper(node, entry_point)
    ]
    exec(compile(ast.Module(kept, []), "starter code", "exec"), namespace)


def _is_helper(node: ast.stmt, entry_point: str | None) -> bool:
    if not isinstance(node, ast.FunctionDef) or node.name == entry_point:
        return False
    body = [part for part in node.body if not isinstance(part, ast.Pass)]
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return bool(body)


def _run_checker(request: dict[str, Any]) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "checker"}
    try:
        exec(compile(request["checker"], "checker", "exec"), namespace)
        return {"accepted": bool(namespace["check"](request["stdin"], request["expected"], request["output"]))}
    except BaseException as error:  # noqa: BLE001 - the parent decides whose fault it is
        return {"error": _describe(error)}


def _confine() -> None:
    """Give up what no test needs: writing files, starting processes, the network.

    The data set's code is trusted, but some of it evaluates what a program answers. Where the system offers no
    confinement, there is none.
    """
    if sys.platform == "linux":
        with contextlib.suppress(kernel.SandboxError):
            sandbox.drop_privileges()
            sandbox.restrict_files(sandbox.create_ruleset([("/", sandbox.READ), (os.devnull, sandbox.READ_WRITE)]))
            seccomp.Filter().install()


def main(argv: list[str]) -> int:
    """Serve requests over the socket whose descriptor is `argv[1]`, until it closes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # One stack and buffer per processor would exceed that on a large machine as soon as a test imports numpy.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.setrecursionlimit(_RECURSION_LIMIT)
    _confine()
    connection = socket.socket(fileno=int(argv[1]))
    wire.send_frame(connection, {"ready": True})
    while True:
        try:
            request, _ = wire.receive_frame(connection)
            answer = _run_checker(request) if "checker" in request else _run_assert(connection, request)
            wire.send_frame(connection, answer)
        except (EOFError, OSError, proxies.ParentGone):
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
