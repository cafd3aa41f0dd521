"""What a child does for calls: loads the program as a module, and answers on the channel.

Everything here runs in a forked, limited process that the program owns completely; nothing it reports is believed
beyond what it says about itself. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import socket
import types
import typing
from collections.abc import Iterator
from typing import Any, NoReturn

from coderl_env.judge import values, wire
from coderl_env.judge.interpreter import CHANNEL, describe, enter_module, exit_now, prepare_module, set_recursion_limit
from coderl_env.judge.rebuilding import Functions, copy_back, error_of, named, rebuild

_CHUNK_BYTES = 1 << 16
# Signatures of call-based problems use the names of typing without importing them, as LeetCode allows.
_MODULE = prepare_module("solution", {name: getattr(typing, name) for name in typing.__all__})


def serve_calls(code: types.CodeType) -> NoReturn:
    """Load `code` as the module `solution` and answer requests on the channel until it closes."""
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

    def reply(self, request: dict[str, Any]) -> None:
        """Carry out one request, and answer it."""
        self._functions.allowed = True
        try:
            frame = wire.pack_frame(self._answer(request))
        except BaseException as error:  # noqa: BLE001 - reported; the supervisor decides
            frame = wire.pack_frame({"error": describe(error)})
        self._functions.allowed = False
        self._channel.sendall(frame)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request: `call`, `get` or `set`."""
        target = self._resolve(request["target"])
        if request["op"] == "get":
            return {"value": self._encode(getattr(target, request["attribute"]))}
        if request["op"] == "set":
            setattr(target, request["attribute"], self._decode(request["value"]))
            return {"value": None}
        args = self._decode(request["args"])
        keywords = {name: self._decode(value) for name, value in request.get("keywords", {}).items()}
        if request.get("attribute"):
            target = getattr(target, request["attribute"])
        value = self._encode(target(*args, **keywords))
        # Only the tests of asserts look at arguments again.
        if request.get("mutated"):
            return {"value": value, "args": self._encode([*args, *keywords.values()])}
        return {"value": value}

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
                raise error_of(request["base"], self._decode(request["args"]))
            self.reply(request)
            self._functions.allowed = True

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
        # The table keeps every object alive, so that no other gets its address.
        number = self._numbers.setdefault(id(value), len(self._table))
        if number == len(self._table):
            self._table.append(value)
        return values.Handle(number, type(value).__name__)

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
