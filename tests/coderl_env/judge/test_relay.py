"""The pages that carry what programs wrote: frames that come in pieces, and memory that no fork hands on."""

from __future__ import annotations

import faulthandler
import mmap
import os
import socket
import threading
from pathlib import Path

import pytest

from coderl_env.judge import wire
from coderl_env.judge.relay import Relay, memory_file


def test_bodies_of_any_size_go_from_the_connection_to_a_file_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = bytes(range(256)) * 2000  # more than a chunk
    ours, theirs = socket.socketpair()
    relay, file = Relay(), memory_file()
    sender = threading.Thread(target=ours.sendall, args=(content,))
    sender.start()
    relay.receive(theirs, len(content), file)
    sender.join()
    assert os.pread(file, len(content) + 1, 0) == content
    assert os.lseek(file, 0, os.SEEK_CUR) == 0
    relay.copy(file, "copy")
    assert Path("copy").read_bytes() == content
    sender = threading.Thread(target=relay.send_files, args=(theirs, {"report": 3}, ((file, 300_000), (file, 3))))
    sender.start()
    assert wire.receive_frame(ours) == ({"report": 3}, content[:300_000] + content[:3])
    sender.join()
    for connection in (ours, theirs):
        connection.close()
    os.close(file)


def test_a_connection_that_closes_in_the_middle_is_an_end() -> None:
    relay, file = Relay(), memory_file()
    for receive in (
        lambda connection: relay.receive(connection, 10, file),
        lambda connection: relay.discard(connection, 10),
        lambda connection: relay.take(connection, 10),
    ):
        ours, theirs = socket.socketpair()
        ours.send(b"12345")
        ours.close()
        with pytest.raises(EOFError, match="closed"):
            receive(theirs)
        theirs.close()
    os.close(file)


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTFORK"), reason="pages that a fork leaves out need Linux")
def test_a_fork_does_not_have_the_pages() -> None:
    relay = Relay()
    ours, theirs = socket.socketpair()
    ours.send(b"secret")
    taken = relay.take(theirs, 6)
    assert bytes(taken) == b"secret"
    pid = os.fork()
    if pid == 0:
        faulthandler.disable()
        os._exit(0 if bytes(taken) == b"secret" else 1)  # the pages are not there: the read ends the process
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    ours.close()
    theirs.close()


def test_the_size_of_a_frame_is_known_from_its_beginning() -> None:
    frame = wire.pack_frame({"value": 1}, b"body")
    for size in range(len(frame) + 1):
        needed = wire.frame_size(memoryview(frame[:size]), 1000)
        assert needed <= len(frame)
        assert (needed <= size) == (size == len(frame))
    with pytest.raises(wire.FrameTooLargeError, match=f"{len(frame)} bytes exceeds the limit of 20"):
        wire.frame_size(memoryview(frame), 20)
    assert wire.frame_sizes(memoryview(frame + frame)) == [len(frame)] * 2
    assert wire.unpack_frame(frame) == {"value": 1}
    for broken in (b"", frame[:-1], frame + frame, b"\0" * 8):
        with pytest.raises(wire.WireError):
            wire.unpack_frame(broken)
