"""Exceptions that cross between a test and the program, each of the builtin class and of those that the test names.

Loaded by path into the referee; standard library only.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from coderl_env.judge import values
from coderl_env.judge.arguments import Arguments, builtin_base
from coderl_env.judge.wire import WireError

__all__ = ["Exceptions", "RaisedByProgram", "UndecidableError", "may_end"]

# What the interpreter's own exceptions keep in places of their own.
_FIELDS = (
    "args", "code", "encoding", "end", "end_lineno", "end_offset", "errno", "filename", "lineno", "msg", "name", "obj",
    "object", "offset", "path", "reason", "start", "strerror", "text", "value",
)  # fmt: skip


class UndecidableError(TypeError):
    """The test asks the program's own object for what only builtin values may decide."""


class RaisedByProgram:
    """Marks the exceptions that came from the program's process."""


class Asks(Protocol):
    """What exceptions ask of the program."""

    def ask(self, **request: Any) -> Any:
        """Send a request and return the program's value."""
        ...

    def call(self, target: str, args: Any, keywords: Any) -> Any:
        """Call something of the program."""
        ...


class Exceptions:
    """The program's exceptions, as one test sees them."""

    def __init__(self, program: Asks, arguments: Arguments) -> None:
        self._program = program
        self._arguments = arguments
        self._classes: dict[str, type] = {}
        # Names of which none is that of an exception.
        self._nothing: set[str] = set()
        self._came_back: set[int] = set()

    def classes_of(self, caught: Iterable[str], answer: Any) -> Mapping[str, type]:
        """Return a class for each name that the test catches, derived from each other as the program's are.

        Args:
            caught: the names.
            answer: what the program says: by name, the names of the classes that each is derived from, builtin ones
                last; None for what is no exception.
        """
        said = answer if type(answer) is dict else {}
        lineages = {name: said.get(name) for name in caught}
        if not all(line is None or type(line) is list for line in lineages.values()):
            raise WireError("the lineage of an exception is none")
        for name, lineage in sorted(lineages.items(), key=lambda item: len(item[1] or ())):
            names = [parent for parent in lineage or () if type(parent) is str]
            parents = [self._classes[parent] for parent in names if parent in self._classes]
            builtin = next(_builtin_kinds(names), Exception)
            self._classes[name] = _made(name, parents, [builtin], {"_program": self})
        self._nothing |= {name for name, lineage in lineages.items() if lineage is None}
        return {name: kind for name, kind in self._classes.items() if name not in self._nothing and "." not in name}

    def named(self, name: str) -> type | None:
        """Return the class of a name that the test catches, or None."""
        return None if name in self._nothing else self._classes.get(name)

    def is_programs(self, error: BaseException) -> bool:
        """Whether the program raised this, or let it pass."""
        return isinstance(error, RaisedByProgram) or self._arguments.number_of(error) in self._came_back

    def is_own(self, kind: type) -> bool:
        """Whether this is one of those classes."""
        return self._classes.get(getattr(kind, "__qualname__", "")) is kind

    def constructed(self, name: str, args: Any, keywords: Any) -> Any:
        """Return a new exception of the program's class `name`."""
        return self._raisable(self._program.call(name, args, keywords))

    def linked(self, number: int, name: str) -> Any:
        """Return the exception that the program's exception of this number names as its cause or context."""
        return self._raisable(self._program.ask(op="get", target=number, attribute=name))

    def _raisable(self, found: Any) -> Any:
        """Return the exception for which an object stands, or what else was found."""
        handle = getattr(found, "_handle", None)
        if handle is None:
            return found
        try:
            return self._program.ask(op="throw", target=handle.number)
        except Exception as error:
            if not isinstance(error, RaisedByProgram):
                raise
            return error.with_traceback(None)

    def attribute(self, name: str, attribute: str) -> Any:
        """Return an attribute of the program's class `name`."""
        return self._program.ask(op="get", target=name, attribute=attribute)

    def class_of(self, error: Any) -> type:
        """Return the class that a test expects an exception of the program to have."""
        return error.expected_class or type(error)

    def received(self, error: dict[str, Any], value: Any, *, may_stop: bool) -> BaseException:
        """Return what the test catches where the program raised `error`.

        Args:
            error: what the program's process says of it.
            value: what an iterator returned at its end.
            may_stop: whether it may end an iteration.
        """
        number = error["number"]
        if number is not None and number < 0:
            mine = self._arguments.object_of(number)
            if isinstance(mine, BaseException):
                self._came_back.add(number)
                return mine.with_traceback(None)
        kind: type = _imported(error["library"]) or next(_builtin_kinds([error["base"]]), Exception)
        # They would end a loop of the test's own, silently; Python makes them this inside a generator.
        if issubclass(kind, (StopIteration, StopAsyncIteration)) and not may_stop:
            kind = RuntimeError
            error = {**error, "kinds": []}  # a class of the program's own, derived from one of them, would as well
        own = [self._classes[name] for name in error["kinds"] if name in self._classes]
        members: dict[str, Any] = {"__str__": lambda self: str(error["message"]), "program_number": number}
        first = next(iter(error["kinds"]), None)
        members["expected_class"] = kind if first is None else self._classes.get(first)
        if number is not None:
            ask = self._program.ask
            members["__getattr__"] = lambda self, name: ask(op="get", target=number, attribute=name)
            members |= {name: _linked(self, number, name) for name in ("__cause__", "__context__")}
            members["__repr__"] = lambda self: str(self.__getattr__("__repr__")())
            for name in _FIELDS:
                if name == "args" or hasattr(kind, name):
                    members[name] = _asked(ask, number, name)
        name = values.class_name(error["type"].rpartition(".")[2])
        marked: Any = _made(name, own, [kind, RaisedByProgram], {**members, "_program": self})
        # Made without its constructor: some, such as UnicodeDecodeError, want more than a message.
        exception: BaseException = marked.__new__(marked)
        BaseException.__init__(exception, str(error["message"]))
        if isinstance(exception, StopIteration):
            # The interpreter itself reads the value.
            StopIteration.__init__(exception, value)
        return exception

    def argument_of(self, error: BaseException) -> values.Argument:
        """Return what the program's process makes its own exception of, which is that very one if it was its."""
        kind: type | None = type(error)
        number = None
        if isinstance(error, RaisedByProgram):
            number, kind = getattr(error, "program_number", None), None
        elif getattr(builtins, type(error).__name__, None) is kind:
            kind = None
        if number is None:
            number = self._arguments.number_of(error)
        return values.Argument("error", [number, builtin_base(type(error)), tuple(_arguments_of(error)), kind])


def may_end(error: BaseException | None, names: Mapping[str, Any], raising: frozenset[int]) -> bool:
    """Whether a `with` of the program may end an exception: one of its own, or one that the test itself raises.

    Args:
        error: the exception.
        names: the test's.
        raising: lines on which the test raises.
    """
    if error is None or isinstance(error, RaisedByProgram):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_globals is not names or isinstance(error, AssertionError):
        return False
    return trace.tb_lineno in raising


class _Constructed(type):
    """Class of the classes whose objects the program's process makes."""

    _program: Exceptions

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        return cls._program.constructed(cls.__qualname__, args, keywords)

    def __getattr__(cls, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return cls._program.attribute(cls.__qualname__, attribute)


def _asked(ask: Any, number: int, name: str) -> property:
    """Return a field that the program is asked for; the interpreter may set it, which changes nothing."""
    return property(lambda self: ask(op="get", target=number, attribute=name), lambda self, value: None)


def _linked(exceptions: Exceptions, number: int, name: str) -> property:
    """Return the field that holds another exception of the program."""
    return property(lambda self: exceptions.linked(number, name), lambda self, value: None)


def _made(name: str, own: list[type], others: list[type], members: Mapping[str, Any]) -> Any:
    """Return an exception's class, of the program's own kinds if they go together with the others."""
    members = {**members, "__module__": values.PROGRAM_MODULE, "__qualname__": name}
    last = name.rpartition(".")[2]
    try:
        return _Constructed(last, (*own, *others), members)
    except TypeError:
        return _Constructed(last, tuple(others), members)


def _builtin_kinds(names: Any) -> Any:
    """Yield the exceptions among builtin names that tests catch as such."""
    for name in names:
        found = getattr(builtins, name, None)
        if not isinstance(found, type) or issubclass(found, BaseExceptionGroup):
            continue
        if issubclass(found, (Exception, SystemExit)):
            yield found


def _imported(library: list[str] | None) -> type | None:
    """Return the exception of the standard library, or numpy's, of this module and name, if that is imported."""
    # What unittest raises is no error of a program: it would skip a test, or end it well.
    if library is None or len(library) != 2 or library[0].partition(".")[0] in ("builtins", "unittest"):
        return None
    if library[0].partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
        return None
    found: Any = sys.modules.get(library[0])
    for part in library[1].split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _arguments_of(error: BaseException) -> list[Any]:
    """Return the arguments of an exception where they are text and numbers, and its message where not."""
    if isinstance(error, RaisedByProgram):
        return [str(error)]
    if all(type(value) in (str, int, float, bool, type(None)) for value in error.args):
        return list(error.args)
    try:
        return [str(error)]
    except Exception:  # noqa: BLE001 - a test's own exception
        return []
