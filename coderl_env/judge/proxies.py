"""The program, as a test sees it: names and objects that stand for those in the program's process.

Loaded by path into the referee, which is trusted and never holds the program; standard library only.
"""

from __future__ import annotations

import builtins
import collections
import socket
from collections.abc import Callable, Sequence
from typing import Any

from coderl_env.judge import values, wire
from coderl_env.judge.arguments import Arguments, base_of
from coderl_env.judge.rebuilding import copy_back
from coderl_env.judge.twins import Twins

__all__ = ["Abandoned", "Name", "ParentGone", "Program", "RaisedByProgram"]

# How often the program and the test may call each other before either returns.
_MOST_NESTED = 100
# Frames of this process that a question needs at most: half of one asked would be taken for half of another.
_QUESTION_FRAMES = 450
_CHANGEABLE = (
    list, dict, set, collections.deque, collections.Counter, collections.OrderedDict, collections.defaultdict,
)  # fmt: skip


class Abandoned(BaseException):
    """The parent has already decided this test."""


class ParentGone(BaseException):
    """The connection was closed."""


class UndecidableError(TypeError):
    """The test asks the program's own object for what only builtin values may decide."""


class RaisedByProgram:
    """Marks the exceptions that came from the program's process."""


class Program:
    """The program, as seen from here: requests go out over the connection, values come back.

    Attributes:
        named: names in the test that can only mean classes of the program.
        asked: how many requests went out.
        unusable: what of the test's own, which nothing that the program did can have caused, could not be sent.
        failure: an assertion that failed in a function of the test called by the program, which may have caught it.
    """

    def __init__(self, connection: socket.socket, named: set[str], namespace: dict[str, Any]) -> None:
        self._connection = connection
        self.named = named
        self.asked = 0
        self.unusable = ""
        self.failure: AssertionError | None = None
        # Whether anything of the program has reached the test.
        self._heard = False
        self._nested = 0
        # Numbers of objects that an operator has told what the test expects, maybe.
        self._told: set[int] = set()
        self._namespace = namespace
        self._arguments = Arguments()
        self._twins = Twins(self._request, self._encode, self._wrap, self._class_named)

    def ask(self, **request: Any) -> Any:
        """Send a request and return the program's value, or raise what the program raised."""
        try:
            return self._wrap(self._request(**request))
        finally:
            self._heard = True

    def _request(self, *, may_stop: bool = False, **request: Any) -> Any:
        """Send a request; `may_stop` lets the program end an iteration, as nothing but its iterator may."""
        answer = self._exchange(request, self._nested > 0)
        while "callback" in answer:
            answer = self._exchange(self._call_back(answer["callback"], answer["call"]), True)
        if "error" in answer:
            raise _as_exception(answer["error"], may_stop)
        self.returned_args = values.decode_value(answer.get("args"))
        return values.decode_value(answer["value"])

    def _exchange(self, request: dict[str, Any], continues: bool) -> dict[str, Any]:
        self.asked += 1
        _descend(_QUESTION_FRAMES)
        wire.send_frame(self._connection, {"ask": request, "continues": continues})
        try:
            answer, _ = wire.receive_frame(self._connection)
        except EOFError as error:
            raise ParentGone from error
        if answer.get("abandon"):
            raise Abandoned
        return answer

    def call(
        self, target: str | int | list[str], args: Sequence[Any], keywords: dict[str, Any], *, may_stop: bool = False
    ) -> Any:
        """Call something of the program; arguments that it changed in place are changed here too.

        The target is a name, the number of an object, or module and name of a function that needs no program.
        """
        try:
            self._twins.send_changes()
            request = {
                "args": self._encode(list(args)),
                "keywords": {name: self._encode(value) for name, value in keywords.items()},
            }
            answer = self._request(op="call", target=target, mutated=True, may_stop=may_stop, **request)
            returned_args = self.returned_args
            self._twins.read_changes()
            if type(returned_args) is not list:
                raise wire.WireError("an answer without the arguments")
            for mine, theirs in zip((*args, *keywords.values()), returned_args, strict=True):
                copy_back(mine, values.map_items(theirs, self._wrap))
            return self._wrap(answer)
        finally:
            self._heard = True

    def operate(self, name: str, operands: Sequence[Any]) -> Any:
        """Have the program's process apply an operator to objects of classes that the test names, and maybe to data.

        An operator between such an object and data tells the program the data, which may be what the test expects.
        What comes of it is another such object or nothing, lest `abs(f(3) - 6) < 1e-6` be true of whatever `f` returns.

        Raises:
            UndecidableError: nothing may come of it.
        """
        objects = [operand for operand in operands if type(operand) is Object]
        for one in objects:
            if not self.names_class_of(one):
                raise UndecidableError(f"{name} of the program's own {one._handle.type_name} cannot decide a test")
        told = len(objects) < len(operands) or not all(map(self.is_untold, objects))
        found = self.call(["operator", name], operands, {})
        if told:
            if type(found) is not Object:
                raise UndecidableError(f"{name} of the program's own object and data cannot decide a test")
            self._told.add(found._handle.number)
        return found

    def names_class_of(self, one: Object) -> bool:
        """Whether the test names the class of an object."""
        return one._handle.type_name in self.named

    def is_untold(self, one: Object) -> bool:
        """Whether no operator has told an object anything."""
        return one._handle.number not in self._told

    def _call_back(self, number: int, call: Any) -> dict[str, Any]:
        """Run a function of the test for the program, and return the request that tells the result."""
        self._heard = True
        self._nested += 1
        try:
            if self._nested > _MOST_NESTED:
                raise RecursionError("test and program call each other too deeply")
            self._twins.read_changes()
            args, keywords = self._wrap(values.decode_value(call))
            value = self._arguments.function(number)(*args, **keywords)
            self._twins.send_changes()
            reply = {"op": "return", "value": self._encode(value), "args": self._encode(self._changed(args, call))}
        except (Abandoned, ParentGone):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a test's function raises, it raises in the program
            if isinstance(error, AssertionError) and not isinstance(error, RaisedByProgram):
                self.failure = error
            return {"op": "raise", "base": base_of(error), "args": values.encode_value(_described(error), str)}
        else:
            return reply
        finally:
            self._nested -= 1

    def _changed(self, args: list[Any], call: Any) -> list[Any]:
        """Return the arguments that the test's function has changed, and None for each of the others."""
        if not any(type(value) in _CHANGEABLE for value in args):
            return []
        return [
            value if type(value) in _CHANGEABLE and self._encode(value) != before else None
            for value, before in zip(args, call[0], strict=True)
        ]

    def _encode(self, value: Any) -> Any:
        try:
            return values.encode_value(value, self._instead_of)
        except wire.WireError as error:
            self._note_unusable(str(error))
            raise

    def _instead_of(self, value: Any) -> Any:
        if type(value) is Object:
            return value._handle
        if type(value) is Name:
            return values.Argument("name", value._name)
        found = self._arguments.argument_of(value)
        if found is None:
            found = self._twins.handle_of(value)
        if found is None:
            message = f"a test cannot pass a {type(value).__name__} to a program"
            self._note_unusable(message)
            raise TypeError(message)
        return found

    def _note_unusable(self, message: str) -> None:
        if not self._heard and not self.unusable:
            self.unusable = message

    def _class_named(self, name: str) -> type | None:
        found = self._namespace.get(name)
        return found if isinstance(found, type) and found.__module__ == self._namespace["__name__"] else None

    def _wrap(self, value: Any) -> Any:
        if type(value) is values.Handle:
            mine = self._twins.object_of(value)
            return Object(self, value) if mine is None else mine
        return values.map_items(value, self._wrap)


def _descend(frames: int) -> None:
    """Raise RecursionError unless there is room for so many more frames."""
    if frames:
        _descend(frames - 1)


def _described(error: BaseException) -> list[Any]:
    """Return the arguments of an exception where they are text and numbers, and its message where not."""
    if all(type(value) in (str, int, float, bool, type(None)) for value in error.args):
        return list(error.args)
    try:
        return [str(error)]
    except Exception:  # noqa: BLE001 - a test's own exception
        return []


class Name:
    """A name that the program is expected to define."""

    def __init__(self, program: Program, name: str) -> None:
        self._program = program
        self._name = name

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self._program.call(self._name, args, keywords)

    def __getattr__(self, attribute: str) -> Any:
        _refuse_protocol(attribute)
        return self._program.ask(op="get", target=self._name, attribute=attribute)

    def __instancecheck__(self, instance: Any) -> bool:
        return self._program.call(["builtins", "isinstance"], (instance, self), {}) is True

    def __subclasscheck__(self, subclass: Any) -> bool:
        return self._program.call(["builtins", "issubclass"], (subclass, self), {}) is True


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

    Unless it only yields `data`, the test must name the object's class, and must not have told it anything.
    """

    def method(self: Object, *args: Any) -> Any:
        program, handle = self._program, self._handle
        if not data and not (program.names_class_of(self) and program.is_untold(self)):
            raise UndecidableError(f"{name} of the program's own {handle.type_name} cannot decide a test")
        found = program.ask(op="get", target=handle.number, attribute=name)
        if name == "__next__" and type(found) is Object:
            return program.call(found._handle.number, args, {}, may_stop=True)
        return found(*args)

    return method


def _comparison(name: str) -> Any:
    """Return a special method that compares two objects of the program, of which the test names the class.

    A program's `__eq__` never says whether something equals the value that a test expects.
    """

    def method(self: Object, other: Any) -> Any:
        program = self._program
        if not program.names_class_of(self) or not isinstance(other, Object):
            raise UndecidableError(f"__{name}__ of the program's own {self._handle.type_name} cannot decide a test")
        if program.names_class_of(other):
            return program.call(["operator", name], (self, other), {})
        # Nobody asked for what an object of another class says when it is asked in its turn.
        return program.ask(op="get", target=self._handle.number, attribute=f"__{name}__")(other)

    return method


def _operator(name: str, *, reflected: bool = False) -> Any:
    """Return a special method that has the program's process apply an operator, as Python would."""

    def method(self: Object, *others: Any) -> Any:
        return self._program.operate(name, (*others, self) if reflected else (self, *others))

    return method


def _text(name: str) -> Any:
    """Return a special method that asks for a text, which is plain data, whatever the program returns."""

    def method(self: Object, *args: Any) -> Any:
        return self._program.call(["builtins", name], (self, *args), {})

    return method


class Object:
    """An object that stays with the program. It may be passed back, called, iterated; it never decides a test."""

    def __init__(self, program: Program, handle: Any) -> None:
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

    __iter__ = _special("__iter__", data=True)
    __next__ = _special("__next__", data=True)
    __getitem__ = _special("__getitem__", data=True)
    __setitem__ = _special("__setitem__", data=True)
    __delitem__ = _special("__delitem__", data=True)
    __len__ = _special("__len__", data=False)
    __bool__ = _special("__bool__", data=False)
    __contains__ = _special("__contains__", data=False)
    __hash__ = _special("__hash__", data=False)


def _add_methods() -> None:
    """Give `Object` the special methods that are all alike."""
    made: dict[str, Callable[..., Any]] = {f"__{name}__": _text(name) for name in ("str", "repr", "format")}
    made |= {f"__{name}__": _comparison(name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}
    made |= {f"__{name}__": _operator(name) for name in ("neg", "pos", "abs", "invert")}
    for name in (
        "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and", "or", "xor",
    ):  # fmt: skip
        function = f"{name}_" if name in ("and", "or") else name
        made[f"__{name}__"] = _operator(function)
        made[f"__r{name}__"] = _operator(function, reflected=True)
        made[f"__i{name}__"] = _operator(f"i{name}")
    for special, method in made.items():
        setattr(Object, special, method)


_add_methods()


def _as_exception(error: dict[str, Any], may_stop: bool) -> BaseException:
    """Return the builtin exception that the program raised, or that its own is a kind of: tests catch it by name."""
    # They would end a loop of the test's own, silently; Python makes them this inside a generator.
    stops = error["base"] in ("StopIteration", "StopAsyncIteration") and not may_stop
    found = getattr(builtins, "RuntimeError" if stops else error["base"], None)
    kind: type[Exception] = Exception
    if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, BaseExceptionGroup):
        kind = found
    # Made without its constructor: some, such as UnicodeDecodeError, want more than a message.
    marked: Any = type(kind.__name__, (kind, RaisedByProgram), {"__str__": lambda self: str(error["message"])})
    exception: BaseException = marked.__new__(marked)
    exception.args = (str(error["message"]),) if error["message"] else ()
    return exception
