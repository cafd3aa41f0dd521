"""What a child does for calls: loads the program as a module, and answers on the channel.

Everything here runs in a forked, limited process that the program owns completely; nothing it reports is believed
beyond what it says about itself. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import contextlib
import socket
import types
import typing
from collections.abc import Iterator
from typing import Any, NoReturn

from coderl_env.judge import values, wire
from coderl_env.judge.interpreter import (
    CHANNEL,
    PROGRAM_FILE,
    describe,
    enter_module,
    exit_now,
    prepare_module,
    set_recursion_limit,
)
from coderl_env.judge.rebuilding import Functions, copy_back, error_of, is_changeable, named, rebuild

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
        # Whether a test asks, which looks at objects, and not only at data.
        self._for_test = False

    def reply(self, request: dict[str, Any]) -> None:
        """Carry out one request, and answer it."""
        self._functions.allowed = True
        self._for_test = "test" in request
        try:
            frame = wire.pack_frame(self._answer(request))
        except BaseException as error:  # noqa: BLE001 - reported; the supervisor decides
            frame = wire.pack_frame({"error": self._described(error)})
        self._functions.allowed = False
        self._channel.sendall(frame)

    def _described(self, error: BaseException) -> dict[str, Any]:
        if not self._for_test:
            return describe(error)
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == values.PROGRAM_MODULE]
        return {**describe(error), "kinds": kinds, "number": self._number_of(error)}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request: `call`, or what else `_OPERATIONS` names."""
        if request["op"] != "call":
            return _OPERATIONS[request["op"]](self, request)
        target = self._resolve(request["target"])
        args = self._decode(request["args"])
        keywords = {name: self._decode(value) for name, value in request.get("keywords", {}).items()}
        found = target(*args, **keywords)
        answer = {"value": self._encode(found)}
        if self._for_test:
            given = [*args, *keywords.values()]
            answer["args"] = self._encode(given)
            same = [place for place, value in enumerate(given) if value is found and is_changeable(value)]
            if same:
                answer["same"] = same[0]
        return answer

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer with an attribute; with a container's number, too, as what a test does to it is done to it here."""
        found = getattr(self._resolve(request["target"]), request["attribute"])
        answer = {"value": self._encode(found)}
        return {**answer, "kept": self._number_of(found)} if is_changeable(found) else answer

    def set(self, request: dict[str, Any]) -> dict[str, Any]:
        """Set an attribute."""
        setattr(self._resolve(request["target"]), request["attribute"], self._decode(request["value"]))
        return {"value": None}

    def content(self, request: dict[str, Any]) -> dict[str, Any]:
        """Give a container the content that it has for the test, if any; answer with the plain content."""
        target = self._table[request["target"]]
        if "value" in request:
            copy_back(target, self._decode(request["value"]))
        return {"value": values.encode_value(target, self._keep, as_plain=True)}

    def leave(self, request: dict[str, Any]) -> dict[str, Any]:
        """Leave a `with`, by an exception or without."""
        error = self._error_of(request["error"]) if request["error"] else None
        kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
        return {"value": bool(self._table[request["target"]].__exit__(kind, error, trace))}

    def evaluate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Evaluate a text, with the program's names or with those that are given."""
        scope = dict(self._names) if request["scope"] is None else self._decode(request["scope"])
        return {"value": self._encode(eval(request["text"], scope))}

    def define(self, request: dict[str, Any]) -> dict[str, Any]:
        """Define classes of the test that the program lacks, as if it stood in the same file."""
        for name, source in request["sources"].items():
            if name not in self._names:
                scope = dict(self._names)
                with contextlib.suppress(Exception):  # it needs more of the test than its imports
                    exec(compile(source, PROGRAM_FILE, "exec"), scope)
                    self._names[name] = scope[name]
        return {"value": None}

    def _call_test(self, number: int, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Have the test call its function `number`; until that returns, answer what is asked meanwhile."""
        call = self._encode([list(args), keywords])
        self._channel.sendall(wire.pack_frame({"callback": number, "call": call}))
        while True:
            request = next(self.requests)
            if request["op"] == "return":
                for mine, theirs in zip((*args, *keywords.values()), self._decode(request["args"]), strict=False):
                    copy_back(mine, theirs)
                return self._decode(request["value"])
            if request["op"] == "raise":
                raise self._error_of(request)
            self.reply(request)
            self._functions.allowed = True

    def _error_of(self, request: dict[str, Any]) -> BaseException:
        """Return the program's own exception that has come back, or one like the test's, of its own class if named."""
        if request["number"] is not None:
            found: BaseException = self._table[request["number"]]
            return found
        return error_of(request["base"], self._decode(request["args"]), self._names.get(request["name"]))

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

    def _encode(self, value: Any) -> Any:
        return values.encode_value(value, self._keep)

    def _keep(self, value: Any) -> Any:
        plain = values.from_numpy(value)
        if plain is not value:
            return plain
        if not self._for_test and values.is_own(type(value)):
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
        if kind is values.Handle:
            return self._table[value.number]
        if kind is values.Argument:
            content = self._unwrap(value.content)
            return self._lookup(content) if value.kind == "name" else rebuild(value.kind, content, self._functions)
        if kind in (set, frozenset):
            return kind(self._unwrap(item) for item in value)
        if isinstance(value, dict) and any(type(key) in _UNWRAPPED_KEYS for key in value):
            pairs = list(value.items())
            value.clear()
            for key, item in pairs:
                value[self._unwrap(key)] = item
        return values.map_items(value, self._unwrap)


_UNWRAPPED_KEYS = (values.Handle, values.Argument, tuple, frozenset)
_OPERATIONS = {
    "get": _Objects.get,
    "set": _Objects.set,
    "content": _Objects.content,
    "leave": _Objects.leave,
    "define": _Objects.define,
    "evaluate": _Objects.evaluate,
}
