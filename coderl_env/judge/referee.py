"""The judge's referee: a trusted process that runs the data set's own code, asserts and special checkers.

It never holds the program. Names of the program are proxies: a call travels to the program's process and comes back as
plain values, so that what an assert compares was built here, by builtin types. Started by path, with an empty
environment; standard library only.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import gc
import importlib
import os
import random
import resource
import signal
import socket
import sys
import types
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parent.parent
_MEMORY_BYTES = 2 << 30
# Of the process that serves one program, and maybe the next.
_MOST_GROWTH = 128 << 20
_MESSAGE_CHARACTERS = 300
# Python's own, and the frames that a question to the program may need.
_RECURSION_LIMIT = 1500
_SAMPLE = "import math\nclass A:\n    x: int = 0\ntry: assert f(A().__class__)[0] == math.pi\nexcept E: pass"


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
facts = importlib.import_module("coderl_env.judge.facts")
libraries = importlib.import_module("coderl_env.judge.libraries")
objects = importlib.import_module("coderl_env.judge.objects")
programs = importlib.import_module("coderl_env.judge.program")
stand_ins = importlib.import_module("coderl_env.judge.stand_ins")


def _prepared(tree: ast.Module, namespace: dict[str, Any], request: dict[str, Any]) -> Any:
    """Return what a test says, with what it uses of libraries in its names."""
    namespace |= facts.borrowed_names(tree, request["starter_code"], request["entry_point"])
    return facts.facts_of(tree, namespace, request["entry_point"])


def _compiled(tree: ast.Module) -> types.CodeType:
    return compile(ast.fix_missing_locations(_Attributes().visit(tree)), "test", "exec")


def _run_assert(connection: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """Run one test; answer how it ended: `ok`, `failed`, `raised` (by the program), `abandoned`, or `broken` itself."""
    try:
        tree = ast.parse(request["code"])
        compile(tree, "test", "exec")
        libraries.teach(request["code"] + request["starter_code"])
        namespace = _module("__main__")
        # Functions keep the builtins that there are when they are made.
        namespace["__builtins__"] = dict(vars(builtins))
        _define_helpers(request["starter_code"], request["entry_point"], namespace)
    except Exception as error:  # noqa: BLE001 - a fault of the problem, whatever it is
        return {"done": "broken", "message": _describe(error)}
    said = _prepared(tree, namespace, request)
    program = programs.Program(connection, said, namespace)
    functions = stand_ins.stand_ins_of(program)
    if not facts.only_called(tree, "type"):
        del functions["type"]  # the test needs the class
    program.stand_ins = {id(function): getattr(builtins, name) for name, function in functions.items()}
    namespace["__builtins__"].update(functions)
    namespace |= {name: objects.Name(program, name) for name in said.asked}
    code = _compiled(tree)
    answer = _run_code(code, namespace, program)
    program.end()
    if program.unusable:
        return {"done": "broken", "message": program.unusable}
    # The program, or the test, may have caught it.
    if program.failure is not None and answer["done"] in ("ok", "raised"):
        return {"done": "failed", "message": _describe(program.failure)}
    return answer


class _Attributes(ast.NodeTransformer):
    """Asks `getattr` for attributes that what stands for an object of the program has itself."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Return what to put in an attribute's place."""
        self.generic_visit(node)
        if node.attr not in stand_ins.ATTRIBUTES or not isinstance(node.ctx, ast.Load):
            return node
        return ast.copy_location(
            ast.Call(ast.Name("getattr", ast.Load()), [node.value, ast.Constant(node.attr)], []), node
        )


def _module(name: str) -> dict[str, Any]:
    """Return the names of a new module; data classes look their own up."""
    sys.modules[name] = types.ModuleType(name)
    return vars(sys.modules[name])


def _run_code(code: types.CodeType, namespace: dict[str, Any], program: Any) -> dict[str, Any]:
    try:
        program.begin()
        exec(code, namespace)
    except programs.Abandoned:
        return {"done": "abandoned"}
    except programs.ParentGone:
        raise
    except SystemExit as stop:  # as of unittest.main()
        if program.exceptions.is_programs(stop):
            return {"done": "raised"}
        if stop.code:
            return {"done": "failed", "message": _describe(stop)}
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its answer
        if program.exceptions.is_programs(error):
            return {"done": "raised"}
        return {"done": "failed", "message": _describe(error)}
    if not program.used:
        return {"done": "failed", "message": "the test never used the program"}
    return {"done": "ok"}


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


def _confine() -> Any:
    """Give up what no test needs: writing files, privileges; return the filter of system calls for those who run tests.

    The data set's code is trusted, but some of it runs what a program answers. Where the system offers no confinement,
    there is none.
    """
    if sys.platform == "linux":
        with contextlib.suppress(kernel.SandboxError):
            sandbox.drop_privileges()
            sandbox.restrict_files(sandbox.create_ruleset([("/", sandbox.READ), (os.devnull, sandbox.READ_WRITE)]))
            return seccomp.Filter()
    return None


def _serve(connection: socket.socket) -> None:
    """Answer requests over a connection, until it closes.

    The process is spent that holds much more than in the beginning: what a test leaves, another would lack.
    """
    most = _most_memory() + _MOST_GROWTH
    while True:
        try:
            request, _ = wire.receive_frame(connection)
            answer = _run_checker(request) if "checker" in request else _run_assert(connection, request)
            wire.send_frame(connection, {"message": "", **answer, "spent": _most_memory() > most})
        except (EOFError, OSError, programs.ParentGone):
            return


def _most_memory() -> int:
    """Return the most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _beget(control: socket.socket, descriptor: int, calls: Any) -> int:
    """Fork the process that serves one program's tests; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        control.close()
        sandbox.set_death_signal()
        if calls is not None:
            calls.install()
        _serve(socket.socket(fileno=descriptor))
    finally:
        os._exit(0)


def _end(child: int) -> None:
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def main(argv: list[str]) -> int:
    """Beget processes that serve tests, as told over the socket whose descriptor is `argv[1]`, until it closes."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    # One stack and buffer per processor would exceed that on a large machine as soon as a test imports numpy.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sys.setrecursionlimit(_RECURSION_LIMIT)
    # What tests look at, and where they write; chance is the same for every program.
    control = socket.socket(fileno=int(argv[1]))
    sys.argv = ["test"]
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process lives
    random.seed(0)
    calls = _confine()
    # What is slow when it is done for the first time is done before any process is begotten.
    tree = ast.parse(_SAMPLE)
    _prepared(tree, {}, {"starter_code": "", "entry_point": None})
    _compiled(tree)
    gc.collect()
    gc.freeze()
    wire.send_frame(control, {"ready": True})
    child = 0
    while True:
        said, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        _end(child)
        child = 0
        if not said:
            return 0
        for descriptor in descriptors:
            child = _beget(control, descriptor, calls)
            os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
