"""Carries what programs and tests wrote between sockets and files, past the memory that a fork hands on.

A child of the zygote is born with a copy of its memory, what was freed there included: a program could look there for
the program before it, or for another test's input. So none of that ever becomes a Python object here: it passes through
files that are in no memory, and through pages that a fork leaves out. Loaded by path into the judge's small processes;
standard library only.
"""

from __future__ import annotations

import gc
import mmap
import os
import socket
from collections.abc import Sequence
from typing import Any

from coderl_env.judge import wire

__all__ = ["Relay", "memory_file"]

_CHUNK_BYTES = 1 << 18
_KEPT_BYTES = 4 << 20


class Relay:
    """Pages that no child is born with: one chunk for what passes by, and two regions for what stays a while.

    Attributes:
        answers: what a child answered last.
    """

    def __init__(self) -> None:
        self._chunk = _pages(_CHUNK_BYTES)
        self._questions = _pages(_CHUNK_BYTES)
        self.answers = _pages(_CHUNK_BYTES)

    def reserve_answers(self, size: int) -> None:
        """Make room for answers of `size` bytes."""
        if len(self.answers) < size:
            self.answers = _pages(size)

    def shrink(self) -> None:
        """Give back what only large questions and answers needed."""
        if len(self.answers) > _KEPT_BYTES:
            self.answers = _pages(_CHUNK_BYTES)
        if len(self._questions) > _KEPT_BYTES:
            self._questions = _pages(_CHUNK_BYTES)

    def receive(self, connection: socket.socket, size: int, file: int) -> None:
        """Write the next `size` bytes of the connection to `file`, and go back to its start.

        Raises:
            EOFError: the connection was closed.
        """
        while size:
            count = _receive_into(connection, self._chunk[: min(size, _CHUNK_BYTES)])
            _write(file, self._chunk[:count])
            size -= count
        os.lseek(file, 0, os.SEEK_SET)

    def discard(self, connection: socket.socket, size: int) -> None:
        """Read the next `size` bytes of the connection.

        Raises:
            EOFError: the connection was closed.
        """
        while size:
            size -= _receive_into(connection, self._chunk[: min(size, _CHUNK_BYTES)])

    def take(self, connection: socket.socket, size: int) -> memoryview:
        """Return the next `size` bytes of the connection, which stay until the next are taken.

        Raises:
            EOFError: the connection was closed.
        """
        if len(self._questions) < size:
            self._questions = _pages(size)
        taken = 0
        while taken < size:
            taken += _receive_into(connection, self._questions[taken:size])
        return self._questions[:size]

    def copy(self, source: int, path: str) -> None:
        """Write the whole of the file `source` to a new file at `path`."""
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        offset = 0
        while count := os.preadv(source, [self._chunk], offset):
            _write(file, self._chunk[:count])
            offset += count
        os.close(file)

    def send(self, connection: socket.socket, header: dict[str, Any], body: memoryview) -> None:
        """Write one frame."""
        connection.sendall(wire.pack_head(header, len(body)))
        connection.sendall(body)

    def send_files(self, connection: socket.socket, header: dict[str, Any], parts: Sequence[tuple[int, int]]) -> None:
        """Write one frame, whose body is the beginnings of files: of each as many bytes as are named."""
        connection.sendall(wire.pack_head(header, sum(size for _, size in parts)))
        for file, size in parts:
            offset = 0
            while offset < size:
                count = os.preadv(file, [self._chunk[: min(size - offset, _CHUNK_BYTES)]], offset)
                connection.sendall(self._chunk[:count])
                offset += count


def _pages(size: int) -> memoryview:
    """Return zeroed memory of its own that forked processes do not have."""
    pages = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_DONTFORK"):
        pages.madvise(mmap.MADV_DONTFORK)
    view = memoryview(pages)
    # A program that looks through all objects must not trip over pages that it does not have.
    gc.freeze()
    return view


def _receive_into(connection: socket.socket, place: memoryview) -> int:
    count = connection.recv_into(place)
    if not count:
        raise EOFError("the connection was closed")
    return count


def _write(file: int, content: memoryview) -> None:
    while content:
        content = content[os.write(file, content) :]


def memory_file() -> int:
    """Return the descriptor of an empty anonymous file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("judge")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
