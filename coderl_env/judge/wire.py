"""What passes between the processes of the judge: frames, each a JSON header and raw bytes. Never pickle.

This file is loaded by path into the judge's small processes; it imports the standard library only.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any

_HEAD = struct.Struct("!II")
_MOST_PARTS = 512


class WireError(Exception):
    """The other side sent, or a value needs, something that the wire does not carry."""


class FrameTooLargeError(WireError):
    """A frame exceeds what its reader takes."""


def send_frame(connection: socket.socket, header: dict[str, Any], body: bytes = b"") -> None:
    """Write one frame."""
    connection.sendall(pack_frame(header, body))


def pack_frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    return pack_head(header, len(body)) + body


def pack_questions(questions: Iterable[bytes], *, continues: bool = False) -> bytes:
    """Return the bytes of a frame that carries questions, packed frames themselves, for a program's child.

    One that `continues` belongs to a call that is under way, and shares its processor time.
    """
    return pack_frame({"op": "call", "continues": continues}, b"".join(questions))


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
    if size > limit:
        raise FrameTooLargeError(f"a frame of {size} bytes exceeds the limit of {limit}")
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
        limit: bytes that a frame may have, or None.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, chunk: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Add `chunk` and return the frames that are now complete.

        Raises:
            WireError: a frame's header is no JSON object, or the frame exceeds the limit.
        """
        self._buffer += chunk
        frames = []
        while len(self._buffer) >= _HEAD.size:
            header_size, body_size = _HEAD.unpack_from(self._buffer)
            body_start = _HEAD.size + header_size
            end = body_start + body_size
            if self._limit is not None and end > self._limit:
                raise FrameTooLargeError(f"a frame of {end} bytes exceeds the limit of {self._limit}")
            if len(self._buffer) < end:
                break
            header = _parse_header(bytes(self._buffer[_HEAD.size : body_start]))
            frames.append((header, bytes(self._buffer[body_start:end])))
            del self._buffer[:end]
        return frames


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
