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
twins = importlib.import_module("coderl_env.judge.twins")


class _Abandoned(BaseException):
    """The parent has already decided this test; unwinds whatever the test code is doing."""


class _ParentGone(BaseException):
    """The connection was closed."""


class _UndecidableError(TypeError):
    """The test asks the program's own object for what only builtin values may decide."""


class _Program:
    """The program, as seen from here: requests go out over the connection, values come back."""

    def __init__(self, connection: socket.socket, named: set[str], namespace: dict[str, Any]) -> None:
        self._connection = connection
        self.named = named
        self.asked = 0
        self._namespace = namespace
        self._twins = twins.Twins(self._request, self._encode, self._wrap, self._class_named)

    def ask(self, **request: Any) -> Any:
        """Send a request and return the program's value, or raise what the program raised."""
        return self._wrap(self._request(**request))

    def _request(self, *, may_stop: bool = False, **request: Any) -> Any:
        """Send a request; `may_stop` lets the program end an iteration, as nothing but its iterator may."""
        self.asked += 1
        wire.send_frame(self._connection, {"ask": request})
        try:
            answer, _ = wire.receive_frame(self._connection)
        except EOFError as error:
            raise _ParentGone from error
        if answer.get("abandon"):
            raise _Abandoned
        if "error" in answer:
            raise _as_exception(answer["error"], may_stop)
        if "args" in answer:
            self.returned_args = wire.decode_value(answer["args"])
        return wire.decode_value(answer["value"])

    def call(
        self, target: str | int, args: tuple[Any, ...], keywords: dict[str, Any], *, may_stop: bool = False
    ) -> Any:
        """Call something of the program; arguments that it changed in place are changed here too."""
        self._twins.send_changes()
        request = {
            "args": self._encode(list(args)),
            "keywords": {name: self._encode(value) for name, value in keywords.items()},
        }
        answer = self._request(op="call", target=target, mutated=True, may_stop=may_stop, **request)
        returned_args = self.returned_args
        self._twins.read_changes()
        for mine, theirs in zip((*args, *keywords.values()), returned_args, strict=True):
            self._copy_back(mine, theirs)
        return self._wrap(answer)

    def _encode(self, value: Any) -> Any:
        return wire.encode_value(value, self._handle_of)

    def _handle_of(self, value: Any) -> Any:
        handle = value._handle if type(value) is _Object else self._twins.handle_of(value)
        if handle is None:
            raise TypeError(f"a test cannot pass a {type(value).__name__} to a program")
        return handle

    def _class_named(self, name: str) -> type | None:
        found = self._namespace.get(name)
        return found if isinstance(found, type) and found.__module__ == self._namespace["__name__"] else None

    def _copy_back(self, mine: Any, theirs: Any) -> None:
        if type(mine) is not type(theirs):
            return
        if type(mine) is list:
            mine[:] = [self._wrap(item) for item in theirs]
        elif type(mine) is dict:
            mine.clear()
            mine.update({key: self._wrap(item) for key, item in theirs.items()})
        elif type(mine) is set:
            mine.clear()
            mine.update(theirs)

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, wire.Handle):
            mine = self._twins.object_of(value)
            return _Object(self, value) if mine is None else mine
        if type(value) is list:
            return [self._wrap(item) for item in value]
        if type(value) is tuple:
            return tuple(self._wrap(item) for item in value)
        if type(value) is dict:
            return {key: self._wrap(item) for key, item in value.items()}
        return value


class _Name:
    """A name that the program is expected to define."""

    def __init__(self, program: _Program, name: str) -> None:
        self._program = program
        self._name = name

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._program.call(self._name, args, keywords)

    def __getattr__(self, attribute: str) -> Any:
        _refuse_protocol(attribute)
        return self._program.ask(op="get", target=self._name, attribute=attribute)


# Special attributes that only describe.
_DESCRIPTIONS = frozenset({"__name__", "__qualname__", "__annotations__", "__defaults__", "__kwdefaults__"})


def _refuse_protocol(attribute: str) -> None:
    """Refuse the attributes that libraries ask of any object: numpy's would be believed, and hold addresses.

    Raises:
        AttributeError: it is one of them.
    """
    if attribute.startswith("__") and attribute.endswith("__") and attribute not in _DESCRIPTIONS:
        raise AttributeError(f"a test cannot ask the program's own object for {attribute}")


def _special(name: str, *, data: bool) -> Any:
    """Return a special method that asks the program's object.

    Unless it only yields `data`, the test must name the object's class, and compare it with another such object: a
    program's `__eq__` never says whether something equals the value that a test expects.
    """

    def method(self: _Object, *args: Any) -> Any:
        program, handle = self._program, self._handle
        named = handle.type_name in program.named
        if not data and not (named and (name not in _COMPARISONS or isinstance(args[0], _Object))):
            raise _UndecidableError(f"{name} of the program's own {handle.type_name} cannot decide a test")
        found = program.ask(op="get", target=handle.number, attribute=name)
        if name == "__next__" and type(found) is _Object:
            return program.call(found._handle.number, args, {}, may_stop=True)
        return found(*args)

    return method


_COMPARISONS = frozenset({"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"})


class _Object:
    """An object that stays with the program. It may be passed back, called, iterated; it never decides a test."""

    def __init__(self, program: _Program, handle: Any) -> None:
        object.__setattr__(self, "_program", program)
        object.__setattr__(self, "_handle", handle)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._program.call(self._handle.number, args, keywords)

    def __getattr__(self, attribute: str) -> Any:
        _refuse_protocol(attribute)
        return self._program.ask(op="get", target=self._handle.number, attribute=attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        encoded = self._program._encode(value)
        self._program.ask(op="set", target=self._handle.number, attribute=attribute, value=encoded)

    def __repr__(self) -> str:
        return repr(self._handle)

    __iter__ = _special("__iter__", data=True)
    __next__ = _special("__next__", data=True)
    __getitem__ = _special("__getitem__", data=True)
    __len__ = _special("__len__", data=False)
    __bool__ = _special("__bool__", data=False)
    __contains__ = _special("__contains__", data=False)
    __hash__ = _special("__hash__", data=False)
    __eq__ = _special("__eq__", data=False)
    __ne__ = _special("__ne__", data=False)
    __lt__ = _special("__lt__", data=False)
    __le__ = _special("__le__", data=False)
    __gt__ = _special("__gt__", data=False)
    __ge__ = _special("__ge__", data=False)


class _RaisedByProgram:
    """Marks the exceptions that came from the program's process."""


def _as_exception(error: dict[str, Any], may_stop: bool) -> BaseException:
    """Return the builtin exception that the program raised, or that its own is a kind of: tests catch it by name."""
    # They would end a loop of the test's own, silently; Python makes them this inside a generator.
    stops = error["base"] in ("StopIteration", "StopAsyncIteration") and not may_stop
    named = getattr(builtins, "RuntimeError" if stops else error["base"], None)
    kind: type[Exception] = Exception
    if isinstance(named, type) and issubclass(named, Exception) and not issubclass(named, BaseExceptionGroup):
        kind = named
    # Made without its constructor: some, such as UnicodeDecodeError, want more than a message.
    marked: Any = type(kind.__name__, (kind, _RaisedByProgram), {"__str__": lambda self: str(error["message"])})
    exception: BaseException = marked.__new__(marked)
    exception.args = (str(error["message"]),) if error["message"] else ()
    return exception


def _run_assert(connection: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
    """Run one test; answer how it ended: `ok`, `failed`, `raised` (by the program), `abandoned`, or `broken` itself."""
    try:
        tree = ast.parse(request["code"])
        code = compile(tree, "test", "exec")
        namespace: dict[str, Any] = {"__name__": "test"}
        _define_helpers(request["starter_code"], request["entry_point"], namespace)
    except Exception as error:  # noqa: BLE001 - a fault of the problem, whatever it is
        return {"done": "broken", "message": _describe(error)}
    program = _Program(connection, _classes(tree, namespace), namespace)
    namespace |= _modules(tree, request["entry_point"])
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load) or node.id in namespace:
            continue
        # A builtin stays a builtin, unless it is the very name that the problem asks for.
        if node.id == request["entry_point"] or not hasattr(builtins, node.id):
            namespace[node.id] = _Name(program, node.id)
    try:
        exec(code, namespace)
    except _Abandoned:
        return {"done": "abandoned"}
    except _ParentGone:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a test raises is its answer
        if isinstance(error, _RaisedByProgram):
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
    _confine()
    connection = socket.socket(fileno=int(argv[1]))
    while True:
        try:
            request, _ = wire.receive_frame(connection)
            answer = _run_checker(request) if "checker" in request else _run_assert(connection, request)
            wire.send_frame(connection, answer)
        except (EOFError, OSError, _ParentGone):
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
