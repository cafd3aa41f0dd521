"""What passes between the processes of the judge: frames, and Python values as tagged JSON.

A frame is a JSON header and raw bytes. Values are tagged JSON, so that the reader rebuilds exact builtin types from
text: nothing the writer defines (a subclass, an `__eq__`, a `__reduce__`) can come along. Never pickle.

This file is loaded by path into the judge's small processes; it imports the standard library only.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import re
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

MAX_DEPTH = 200
_HEAD = struct.Struct("!II")
_SAFE_INT = 1 << 53
_MOST_PARTS = 512
_NAME_CHARACTERS = 100
_MESSAGE_CHARACTERS = 300


class WireError(Exception):
    """The other side sent, or a value needs, something that the wire does not carry."""


class FrameTooLargeError(WireError):
    """A frame exceeds what its reader takes."""


class Handle:
    """Stands for an object that stays in the program's process.

    Attributes:
        number: its place in that process's table of objects.
        type_name: name of its class, for messages.
    """

    __slots__ = ("number", "type_name")

    def __init__(self, number: int, type_name: str) -> None:
        self.number = number
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"<{self.type_name} object>"


def send_frame(connection: socket.socket, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one frame."""
    connection.sendall(pack_frame(header, body))


def pack_frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    return pack_head(header, len(body)) + body


def pack_questions(questions: Iterable[bytes]) -> bytes:
    """Return the bytes of a frame that carries questions, packed frames themselves, for a program's child."""
    return pack_frame({"op": "call"}, b"".join(questions))


def pack_head(header: dict[str, Any], body_size: int) -> bytes:
    """Return the bytes of one frame up to its body, which has `body_size` bytes."""
    text = json.dumps(header).encode("ascii")
    return _HEAD.pack(len(text), body_size) + text


def send_parts(connection: socket.socket, parts: Sequence[bytes | memoryview]) -> None:
    """Write frames in pieces, in as few calls as the kernel takes."""
    for start in range(0, len(parts), _MOST_PARTS):
        group = parts[start : start + _MOST_PARTS]
        sent = connection.sendmsg(group)
        for part in group:
            if sent < len(part):
                connection.sendall(memoryview(part)[sent:])
            sent = max(sent - len(part), 0)


def receive_frame(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Read one frame from a trusted writer, over a blocking stream socket.

    Raises:
        EOFError: the other side closed the connection.
    """
    header, body_size = receive_header(connection)
    return header, _receive_exactly(connection, body_size)


def receive_header(connection: socket.socket) -> tuple[dict[str, Any], int]:
    """Read one frame up to its body; return the header and the body's size.

    Raises:
        EOFError: the other side closed the connection.
    """
    header_size, body_size = _HEAD.unpack(_receive_exactly(connection, _HEAD.size))
    return _parse_header(_receive_exactly(connection, header_size)), body_size


def frame_size(data: memoryview, limit: int) -> int:
    """Return how many bytes the untrusted frame has that begins `data`, at least; as many as that, and it is whole.

    Raises:
        FrameTooLargeError: the frame exceeds `limit` bytes.
    """
    if len(data) < _HEAD.size:
        return _HEAD.size
    header_size, body_size = _HEAD.unpack_from(data)
    size: int = _HEAD.size + header_size + body_size
    _check_size(size, limit)
    return size


def frame_sizes(data: memoryview) -> list[int]:
    """Return the sizes of the frames of a trusted writer that fill `data`."""
    sizes = []
    offset = 0
    while offset < len(data):
        header_size, body_size = _HEAD.unpack_from(data, offset)
        sizes.append(_HEAD.size + header_size + body_size)
        offset += sizes[-1]
    return sizes


def unpack_frame(data: bytes) -> dict[str, Any]:
    """Return the header of one whole untrusted frame.

    Raises:
        WireError: it is none.
    """
    frames = FrameReader().feed(data)
    if len(frames) != 1:
        raise WireError("no frame, or more than one")
    return frames[0][0]


class FrameReader:
    """Assembles frames from chunks of bytes, for a reader that must not block.

    Args:
        limit: the most bytes that one frame may have, or None where the writer is trusted.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, chunk: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Add `chunk` and return the frames that are now complete.

        Raises:
            FrameTooLargeError: a frame is larger than the limit.
            WireError: a frame's header is no JSON object.
        """
        self._buffer += chunk
        frames = []
        while len(self._buffer) >= _HEAD.size:
            header_size, body_size = _HEAD.unpack_from(self._buffer)
            _check_size(header_size + body_size, self._limit)
            body_start = _HEAD.size + header_size
            end = body_start + body_size
            if len(self._buffer) < end:
                break
            header = _parse_header(bytes(self._buffer[_HEAD.size : body_start]))
            frames.append((header, bytes(self._buffer[body_start:end])))
            del self._buffer[:end]
        return frames


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise FrameTooLargeError(f"a frame of {size} bytes exceeds the limit of {limit}")


def _parse_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("a frame's header is not JSON") from error
    if not isinstance(header, dict):
        raise WireError("a frame's header is not an object")
    return header


def _receive_exactly(connection: socket.socket, size: int) -> bytes:
    if size == 0:
        return b""
    chunks = []
    while size:
        chunk = connection.recv(min(size, 1 << 20))
        if not chunk:
            raise EOFError("the connection was closed")
        chunks.append(chunk)
        size -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def encode_value(value: Any, opaque: Callable[[Any], Handle], depth: int = MAX_DEPTH) -> Any:
    """Return `value` as tagged JSON.

    A subclass of a builtin is reduced to the builtin by the builtin's own methods; its own methods are never called.

    Args:
        value: the value.
        opaque: called for anything the wire does not carry; returns the handle to send instead.
        depth: how many levels of containers are allowed.

    Raises:
        WireError: the value is nested more deeply than that.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is Handle:
        return {"h": [value.number, value.type_name]}
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        number = int.__pos__(value)
        return number if -_SAFE_INT < number < _SAFE_INT else {"i": hex(number)}
    if issubclass(kind, float):
        real = float.__pos__(value)
        return real if real - real == 0.0 else {"f": float.__repr__(real)}
    if depth <= 0:
        raise WireError(f"the value is nested more than {MAX_DEPTH} levels deep")
    return _encode_container(value, kind, opaque, depth - 1)


def _encode_container(value: Any, kind: type, opaque: Callable[[Any], Handle], depth: int) -> Any:
    if issubclass(kind, list):
        return [encode_value(item, opaque, depth) for item in list.__iter__(value)]
    if issubclass(kind, tuple):
        return {"t": [encode_value(item, opaque, depth) for item in tuple.__iter__(value)]}
    if issubclass(kind, dict):
        pairs = dict.items(value)
        return {"d": [[encode_value(key, opaque, depth), encode_value(item, opaque, depth)] for key, item in pairs]}
    if issubclass(kind, frozenset):
        return {"z": [encode_value(item, opaque, depth) for item in frozenset.__iter__(value)]}
    if issubclass(kind, set):
        return {"s": [encode_value(item, opaque, depth) for item in set.__iter__(value)]}
    if issubclass(kind, bytes):
        return {"b": bytes.hex(value)}
    if issubclass(kind, bytearray):
        return {"a": bytearray.hex(value)}
    return _encode_number_or_date(value, kind, opaque, depth)


def _encode_number_or_date(value: Any, kind: type, opaque: Callable[[Any], Handle], depth: int) -> Any:
    if issubclass(kind, complex):
        number = complex.__pos__(value)
        return {"c": [float.__repr__(number.real), float.__repr__(number.imag)]}
    if issubclass(kind, decimal.Decimal):
        return {"D": decimal.Decimal.__str__(value)}
    if issubclass(kind, fractions.Fraction):
        # The slots' own descriptors: a subclass may shadow the names.
        return {"F": [hex(_NUMERATOR.__get__(value)), hex(_DENOMINATOR.__get__(value))]}
    for name, date_kind in _DATE_KINDS.items():
        if issubclass(kind, date_kind):
            return {"T": [name, date_kind.isoformat(value)]}
    if kind is type and value in _TYPE_NAMES:
        return {"n": _TYPE_NAMES[value]}
    plain = _from_numpy(value, kind)
    if plain is not value:
        return encode_value(plain, opaque, depth)
    return encode_value(opaque(value), opaque, depth)


_NUMERATOR: Any = fractions.Fraction.__dict__["_numerator"]
_DENOMINATOR: Any = fractions.Fraction.__dict__["_denominator"]
# datetime before date: a datetime is a date.
_DATE_KINDS: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}
# Types of plain data are values too: a test may ask for all that are `int`.
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, tuple, set, frozenset, dict, type(None))
}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}


def _from_numpy(value: Any, kind: type) -> Any:
    """Return numpy's scalar or array as plain Python, anything else as it is; numpy is not imported for it."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if issubclass(kind, numpy.ndarray):
            return numpy.ndarray.tolist(value)
        if issubclass(kind, numpy.generic):
            plain = numpy.generic.item(value)
            # Python has no numbers of extended precision, so numpy returns its own.
            if isinstance(plain, numpy.longdouble):
                return float(plain)
            return complex(plain) if isinstance(plain, numpy.clongdouble) else plain
    return value


def decode_value(data: Any, depth: int = MAX_DEPTH) -> Any:
    """Rebuild a value from tagged JSON, out of exact builtin types and `Handle` alone.

    Raises:
        WireError: `data` is not what `encode_value` writes.
    """
    if data is None or type(data) in (bool, int, float, str):
        return data
    if depth <= 0:
        raise WireError("the value is nested too deeply")
    if type(data) is list:
        return [decode_value(item, depth - 1) for item in data]
    if type(data) is not dict or len(data) != 1:
        raise WireError("the value is not tagged JSON")
    [(tag, content)] = data.items()
    if tag not in _DECODERS:
        raise WireError(f"unknown tag {tag!r}")
    try:
        return _DECODERS[tag](content, depth - 1)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise WireError(f"the content of tag {tag!r} is malformed") from error


def _decode_items(content: Any, depth: int) -> list[Any]:
    if type(content) is not list:
        raise WireError("a container's content is not a list")
    return [decode_value(item, depth) for item in content]


def _decode_date(content: Any, depth: int) -> Any:
    name, text = content
    return _DATE_KINDS[name].fromisoformat(text)


_DECODERS: dict[str, Callable[[Any, int], Any]] = {
    "i": lambda content, depth: int(content, 16),
    "f": lambda content, depth: float(content),
    "t": lambda content, depth: tuple(_decode_items(content, depth)),
    "d": lambda content, depth: {decode_value(key, depth): decode_value(item, depth) for key, item in content},
    "s": lambda content, depth: set(_decode_items(content, depth)),
    "z": lambda content, depth: frozenset(_decode_items(content, depth)),
    "b": lambda content, depth: bytes.fromhex(content),
    "a": lambda content, depth: bytearray.fromhex(content),
    "c": lambda content, depth: complex(float(content[0]), float(content[1])),
    "D": lambda content, depth: decimal.Decimal(content),
    "F": lambda content, depth: fractions.Fraction(int(content[0], 16), int(content[1], 16)),
    "T": _decode_date,
    "n": lambda content, depth: _TYPES[content],
    "h": lambda content, depth: Handle(int(content[0]), str(content[1])),
}


def check_value(data: Any, depth: int = MAX_DEPTH) -> None:
    """Check by its form alone, building nothing, that `data` is what `encode_value` writes.

    Raises:
        WireError: it is not.
    """
    level = [data]
    # One level after the other: no nesting, however deep, exceeds the interpreter's own recursion limit.
    while level:
        inner: list[Any] = []
        for value in level:
            if value is None or type(value) in (bool, int, float, str):
                continue
            if depth <= 0:
                raise WireError("the value is nested too deeply")
            inner += value if type(value) is list else _checked_content(value)
        level = inner
        depth -= 1


def _checked_content(value: Any) -> list[Any]:
    """Return the values inside a tagged one, after a look at its form.

    Raises:
        WireError: it is not what `encode_value` writes.
    """
    if type(value) is not dict or len(value) != 1:
        raise WireError("the value is not tagged JSON")
    [(tag, content)] = value.items()
    if tag in ("t", "s", "z") and type(content) is list:
        return content
    if tag == "d" and type(content) is list and all(type(pair) is list and len(pair) == 2 for pair in content):
        return [item for pair in content for item in pair]
    if tag not in _DECODERS:
        raise WireError(f"unknown tag {tag!r}")
    if tag not in _FORMS or not _FORMS[tag](content):
        raise WireError(f"the content of tag {tag!r} is malformed")
    return []


def check_error(data: Any) -> dict[str, Any]:
    """Return what a program's process said of an exception, in bounds.

    Raises:
        WireError: it is not of that form.
    """
    try:
        line = data["line"]
        return {
            "type": str(data["type"])[:_NAME_CHARACTERS],
            "base": str(data.get("base", ""))[:_NAME_CHARACTERS],
            "line": line if type(line) is int and 0 < line < 1 << 31 else None,
            "message": str(data["message"])[:_MESSAGE_CHARACTERS],
        }
    except (KeyError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise WireError("an exception's description is malformed") from error


def _is_text(pattern: str) -> Callable[[Any], bool]:
    match = re.compile(pattern, re.ASCII).fullmatch
    return lambda content: type(content) is str and match(content) is not None


def _is_row(*kinds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda content: (
        type(content) is list
        and len(content) == len(kinds)
        and all(kind(item) for kind, item in zip(kinds, content, strict=True))
    )


_is_hex = _is_text("-?0x[0-9a-f]+")
_is_bytes = _is_text("(?:[0-9a-f]{2})*")
_is_number = _is_text(r"-?(?:inf|nan|\d+\.?\d*(?:e[+-]?\d+)?)")
# What holds no further values.
_FORMS: dict[str, Callable[[Any], bool]] = {
    "i": _is_hex,
    "f": _is_number,
    "b": _is_bytes,
    "a": _is_bytes,
    "c": _is_row(_is_number, _is_number),
    "D": _is_text(r"-?(?:\d+\.?\d*(?:E[+-]?\d+)?|Infinity|s?NaN\d*)"),
    "F": _is_row(_is_hex, _is_hex),
    "T": _is_row(_is_text("|".join(_DATE_KINDS)), _is_text(r"[\dT:.+-]+")),
    "n": lambda content: type(content) is str and content in _TYPES,
    "h": _is_row(lambda content: type(content) is int and content >= 0, lambda content: type(content) is str),
}
