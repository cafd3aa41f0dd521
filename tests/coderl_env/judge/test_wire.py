"""Frames: they come back whole, however the stream is cut, and nothing else is read."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coderl_env.judge import wire

FRAMES = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.binary(max_size=30)), max_size=4
)


@given(FRAMES, st.data())
def test_frames_come_back_however_the_stream_is_cut(frames: list[tuple[dict[str, int], bytes]], data: Any) -> None:
    stream = b"".join(wire.pack_frame(header, body) for header, body in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reader = wire.FrameReader()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert found == frames


def test_a_frame_beyond_the_limit_is_refused_before_it_has_arrived() -> None:
    frame = memoryview(wire.pack_frame({}, bytes(1000)))
    with pytest.raises(wire.FrameTooLargeError):
        wire.frame_size(frame[:8], 500)
    assert wire.frame_size(frame[:8], 1010) == len(frame) == 1010
    assert wire.frame_size(frame[:7], 500) == 8


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_a_header_that_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.FrameReader().feed(len(text).to_bytes(4, "big") + bytes(4) + text)


def test_a_frame_crosses_a_socket_whole_and_the_end_is_an_eof() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send_frame(ours, {"a": 1}, b"body")
        wire.send_frame(ours, {})
        assert wire.receive_frame(theirs) == ({"a": 1}, b"body")
        assert wire.receive_frame(theirs) == ({}, b"")
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            wire.receive_frame(theirs)


def test_the_wire_needs_nothing_but_the_standard_library() -> None:
    imported = {name for name, value in vars(wire).items() if type(value) is type(sys)}
    assert imported <= sys.stdlib_module_names
