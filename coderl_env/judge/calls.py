"""What a child does for calls: loads the program as a module, and answers on the channel.

Everything here runs in a forked, limited process that the program owns completely; nothing it reports is believed
beyond what it says about itself. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import socket
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, NoReturn

from coderl_env.judge import arrays, values, wire
from coderl_env.judge.interpreter import (
    CHANNEL,
    PROGRAM_FILE,
    describe,
    enter_module,
    exit_now,
    prepare_module,
    set_recursion_limit,
)
from coderl_env.judge.lineage import description_of, found_under, lineage_of
from coderl_env.judge.rebuilding import Functions, array, error_of, named, rebuild, set_state, state_of
from coderl_env.judge.shared import Shared
from coderl_env.judge.views import View

_CHUNK_BYTES = 1 << 16
# Signatures of call-based problems use the names of typing without importing them, as LeetCode allows.
_MODULE = prepare_module(values.PROGRAM_MODULE, {name: getattr(typing, name) for name in typing.__all__})


def serve_calls(code: types.CodeType) -> NoReturn:
    """Load `code` as a module and answer requests on the channel until it closes."""
    channel = socket.socket(fileno=CHANNEL)
    names = enter_module(_MODULE)
    set_recursion_limit()
    try:
        exec(code, names)
    except BaseException as error:  # noqa: BLE001 - reported; the supervisor decides
        wire.send_frame(channel, {"error": describe(error)})
        exit_now(0)
    wire.send_frame(channel, {"loaded": True})
    objects = _Objects(names, channel)
    while True:
        objects.reply(next(objects.requests))


def _receive(channel: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield requests, until the channel closes, which ends the process."""
    reader = wire.FrameReader()
    while chunk := channel.recv(_CHUNK_BYTES):
        for request, _ in reader.feed(chunk):
            yield request
    exit_now(0)


class _Objects:
    """The program's names, and the objects that others hold handles to."""

    def __init__(self, names: dict[str, Any], channel: socket.socket) -> None:
        self.requests = _receive(channel)
        self._names = names
        self._channel = channel
        self._table: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._functions = Functions(self._call_test)
        # Whether the test has numpy, and what the program prints for it.
        self._with_arrays = False
        self._printed: io.TextIOWrapper | None = None
        # What is shared with the test that asks; None where nobody does but for data.
        self._shared: Shared | None = None
        # What was where the test has put something else.
        self._replaced: dict[tuple[str, str], Any] = {}

    def reply(self, request: dict[str, Any]) -> None:
        """Carry out one request, and answer it."""
        self._functions.allowed = True
        try:
            self._take_changes(request)
            frame = self._frame(self._answer(request))
        except BaseException as error:  # noqa: BLE001 - reported; the supervisor decides
            frame = self._failure_frame(error)
        self._functions.allowed = False
        self._channel.sendall(frame)

    def _take_changes(self, request: dict[str, Any]) -> None:
        if request.get("begins"):
            self._shared = Shared(self._keep, self._unwrap, step=1)
            self._functions = Functions(self._call_test)
            self._functions.allowed = True
            self._with_arrays = request["arrays"]
            if request["listens"]:
                self._printed = sys.stdout = io.TextIOWrapper(
                    io.BytesIO(), encoding="utf-8", errors="replace", newline="\n", write_through=True
                )
        if self._shared is not None:
            self._shared.forget(request["forget"])
            self._shared.receive(request["changes"])
            for module, name, value in request["replaced"]:
                library = importlib.import_module(module)
                original = self._replaced.setdefault((module, name), getattr(library, name))
                setattr(library, name, *(self._decode(value) or (original,)))
            for module, name, given in request["calls"]:
                args, keywords = self._decode(given)
                named(module, name)(*args, **keywords)

    def _frame(self, answer: dict[str, Any]) -> bytes:
        if self._shared is None:
            return wire.pack_frame(answer)
        if self._printed is not None:
            raw: Any = self._printed.buffer
            answer = {**answer, "printed": raw.getvalue().decode("utf-8", "replace")}
            raw.seek(0)
            raw.truncate()
        return wire.pack_frame({**answer, "changes": self._shared.changes()})

    def _failure_frame(self, error: BaseException) -> bytes:
        try:
            return self._frame({"error": self._described(error)})
        except BaseException as second:  # noqa: BLE001 - something in the program's containers cannot be sent
            return wire.pack_frame({"error": describe(second), "changes": []})

    def _described(self, error: BaseException) -> dict[str, Any]:
        if self._shared is None:
            return describe(error)
        number = self._functions.number_of(error)
        described = {
            **describe(error),
            **description_of(error, self._names),
            "number": self._number_of(error) if number is None else number,
        }
        if isinstance(error, StopIteration):
            described["value"] = self._encode(error.value)
        return described

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request: `call`, or what else `_OPERATIONS` names."""
        if request["op"] != "call":
            return _OPERATIONS[request["op"]](self, request)
        target = self._resolve(request["target"])
        args = self._decode(request["args"])
        keywords = {name: self._decode(value) for name, value in request.get("keywords", {}).items()}
        answer = {"value": self._encode(target(*args, **keywords))}
        if self._shared is not None:
            given = [*args, *keywords.values()]
            if any(arrays.is_numpy(type(value)) for value in given):
                # Arrays are not shared: what the program made of them goes back.
                answer["args"] = [self._encode(value) if arrays.is_numpy(type(value)) else None for value in given]
        return answer

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with an attribute."""
        return {"value": self._encode(getattr(self._resolve(request["target"]), request["attribute"]))}

    def set(self, request: dict[str, Any]) -> dict[str, Any]:
        """Set an attribute."""
        setattr(self._resolve(request["target"]), request["attribute"], self._decode(request["value"]))
        return {"value": None}

    def content(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with an object as the builtin class has it that its own is derived from."""
        return {"value": self._encode(self._table[request["target"]], as_plain=True)}

    def twins(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with new, empty objects of a class; with one, where making them may do something."""
        kind = self._resolve(request["target"])
        count = request["count"] if kind.__new__ is object.__new__ else 1
        return {"value": self._encode(tuple(kind.__new__(kind) for _ in range(count)))}

    def states(self, request: dict[str, Any]) -> dict[str, Any]:
        """Give objects attributes, or answer with those that they have."""
        targets = [self._table[number] for number in request["targets"]]
        if "values" in request:
            for target, state in zip(targets, request["values"], strict=True):
                set_state(target, self._decode(state))
            return {"value": None}
        return {"value": {"t": [self._encode(state_of(target), as_plain=True) for target in targets]}}

    def value(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with what a name stands for."""
        return {"value": self._encode(self._resolve(request["target"]))}

    def throw(self, request: dict[str, Any]) -> dict[str, Any]:
        """Raise an object, if it can be raised."""
        found = self._table[request["target"]]
        if isinstance(found, BaseException):
            raise found
        return {"value": self._encode(found)}

    def leave(self, request: dict[str, Any]) -> dict[str, Any]:
        """Leave a `with`, by an exception or without."""
        error = self._decode(request["error"])
        kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
        return {"value": bool(self._table[request["target"]].__exit__(kind, error, trace))}

    def aleave(self, request: dict[str, Any]) -> dict[str, Any]:
        """Leave an `async with`, by an exception or without."""
        error = self._decode(request["error"])
        kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
        return {"value": bool(_ran(self._table[request["target"]].__aexit__(kind, error, trace)))}

    def anext(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with the next item of an asynchronous iterator."""
        return {"value": self._encode(_ran(self._table[request["target"]].__anext__()))}

    def evaluate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Evaluate or execute a text, with the program's names or with those that are given."""
        scope = dict(self._names) if request["scope"] is None else self._decode(request["scope"])
        if request["mode"] == "eval":
            return {"value": self._encode(eval(request["text"], dict(scope)))}
        names = self._names if request["scope"] is None else dict(scope)
        exec(request["text"], names)
        if request["scope"] is not None:
            names.pop("__builtins__", None)
            scope.update(names)
        return {"value": None}

    def define(self, request: dict[str, Any]) -> dict[str, Any]:
        """Define classes of the test that the program lacks, as if it stood in the same file; describe exceptions."""
        for name, source in request["sources"].items():
            if name not in self._names:
                scope = dict(self._names)
                with contextlib.suppress(Exception):  # it needs more of the test than its imports
                    exec(compile(source, PROGRAM_FILE, "exec"), scope)
                    self._names[name] = scope[name]
        found = [(name, found_under(name, self._names)) for name in request["caught"]]
        return {"value": self._encode({name: lineage_of(kind) for name, kind in found}, as_plain=True)}

    def _call_test(self, number: int, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Have the test call its function `number`; until that returns, answer what is asked meanwhile."""
        call = self._encode((args, tuple(keywords.items())))
        self._channel.sendall(self._frame({"callback": number, "call": call}))
        while True:
            request = next(self.requests)
            if request["op"] in ("return", "raise"):
                self._take_changes(request)
            if request["op"] == "return":
                return self._decode(request["value"])
            if request["op"] == "raise":
                raise self._decode(request["error"])
            self.reply(request)
            self._functions.allowed = True

    def _error_of(self, number: int, base: str, args: tuple[Any, ...], own: Any) -> BaseException:
        """Return the program's own exception that has come back, or one that stands for the test's."""
        if number >= 0:
            found: BaseException = self._table[number]
            return found
        made: BaseException = self._functions.keep(number, lambda: error_of(base, args, own))
        return made

    def _resolve(self, target: str | int | list[str]) -> Any:
        if isinstance(target, int):
            return self._table[target]
        if isinstance(target, list):
            return named(*target)
        head, *rest = target.split(".")
        found = self._lookup(head)
        for part in rest:
            name, called = part.removesuffix("()"), part.endswith("()")
            found = getattr(found, name)
            found = found() if called else found
        return found

    def _lookup(self, part: str) -> Any:
        name, called = part.removesuffix("()"), part.endswith("()")
        names = self._names
        if name in names:
            found = names[name]
        elif hasattr(names.get("Solution"), name):
            # APPS and LeetCode: a method of class Solution, on a fresh instance.
            found = getattr(names["Solution"](), name)
        else:
            raise NameError(f"the program defines no {name!r}")
        return found() if called else found

    def _encode(self, value: Any, *, as_plain: bool = False) -> Any:
        if self._shared is None:
            return values.encode_value(value, self._keep)
        return self._shared.encode(value, as_plain=as_plain)

    def _keep(self, value: Any) -> Any:
        if arrays.is_numpy(type(value)):
            is_array = self._with_arrays and type(value) is sys.modules["numpy"].ndarray
            plain = arrays.array_of(value) if is_array else arrays.from_numpy(value)
            if plain is not value:
                return plain
        number = self._functions.number_of(value)
        if number is not None:
            return values.Handle(number, "")
        if self._shared is None and values.is_own(type(value)):
            return None
        return values.Handle(self._number_of(value), type(value).__name__)

    def _number_of(self, value: Any) -> int:
        # The table keeps every object alive, so that no other gets its address.
        number = self._numbers.setdefault(id(value), len(self._table))
        if number == len(self._table):
            self._table.append(value)
        return number

    def _decode(self, data: Any) -> Any:
        return self._unwrap(values.decode_value(data))

    def _unwrap(self, value: Any) -> Any:
        kind = type(value)
        if kind is values.Reference:
            assert self._shared is not None
            return self._shared.container(value.number)
        if kind is values.Handle:
            return self._table[value.number]
        if kind is arrays.Array:
            return array(value)
        if kind is View:
            return value.shown(self._unwrap, self._unwrap)
        if kind is values.Argument:
            return self._made(value.kind, self._unwrap(value.content))
        if kind in (set, frozenset):
            return kind(self._unwrap(item) for item in value)
        if isinstance(value, dict) and any(type(key) in _UNWRAPPED_KEYS for key in value):
            pairs = list(value.items())
            value.clear()
            for key, item in pairs:
                value[self._unwrap(key)] = item
        return values.map_items(value, self._unwrap)

    def _made(self, kind: str, content: Any) -> Any:
        """Return what an argument stands for."""
        if kind == "name":
            return self._resolve(content)
        if kind == "error":
            return self._error_of(*content)
        return rebuild(kind, content, self._functions)


def _ran(coroutine: Any) -> Any:
    """Run something that can be awaited to its end, and return what comes of it."""
    import asyncio

    async def run() -> Any:
        return await coroutine

    return asyncio.run(run())


_UNWRAPPED_KEYS = (values.Handle, values.Argument, arrays.Array, tuple, frozenset)
_OPERATIONS = {
    "aleave": _Objects.aleave,
    "anext": _Objects.anext,
    "get": _Objects.get,
    "set": _Objects.set,
    "content": _Objects.content,
    "states": _Objects.states,
    "throw": _Objects.throw,
    "twins": _Objects.twins,
    "value": _Objects.value,
    "leave": _Objects.leave,
    "evaluate": _Objects.evaluate,
    "define": _Objects.define,
}
