"""Questions to a child and its answers: several at a time, in pieces, too early, too large, too many."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coderl_env.judge import wire
from coderl_env.judge.watch import Exchange, Watch, memory_of

_LIMIT = 200
_BOTH = select.POLLIN | select.POLLOUT
_QUESTION = wire.pack_frame({"op": "call"})


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def _exchange(connection: socket.socket) -> Exchange:
    return Exchange(connection, memoryview(bytearray(_LIMIT)), lambda said: wire.frame_size(said, _LIMIT))


def _answer(number: int) -> bytes:
    return wire.pack_frame({"value": number})


def test_answers_that_come_together_are_taken_together(ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    exchange.ask(_QUESTION * 3, [len(_QUESTION)] * 3, 3)
    ends[1].send(_answer(1) + _answer(2) + _answer(3)[:5])
    assert exchange.go_on(_BOTH) == "answered"
    assert [bytes(body) for body in exchange.take()] == [_answer(1), _answer(2)]
    exchange.forget()
    assert ends[1].recv(1000) == _QUESTION * 3
    ends[1].send(_answer(3)[5:])
    assert exchange.go_on(select.POLLIN) == "answered"
    assert [bytes(body) for body in exchange.take()] == [_answer(3)]
    assert exchange.awaited == 0


def test_a_part_of_an_answer_is_none(ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    exchange.ask(_QUESTION, [len(_QUESTION)], 1)
    for byte in _answer(1)[:-1]:
        ends[1].send(bytes([byte]))
        assert exchange.go_on(_BOTH) == ""
    ends[1].send(_answer(1)[-1:])
    assert exchange.go_on(_BOTH) == "answered"


def test_of_the_last_answer_no_more_is_read_than_belongs_to_it(ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    exchange.ask(_QUESTION, [len(_QUESTION)], 1)
    ends[1].send(_answer(1) + _answer(2))
    while exchange.go_on(_BOTH) != "answered":
        pass
    assert [bytes(body) for body in exchange.take()] == [_answer(1)]
    exchange.forget()
    assert bytes(exchange.beginning) == b""


def test_what_follows_the_last_of_several_answers_is_dropped(ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    exchange.ask(_QUESTION * 2, [len(_QUESTION)] * 2, 2)
    ends[1].send(_answer(1) + _answer(2) + _answer(3))
    assert exchange.go_on(_BOTH) == "answered"
    assert len(exchange.take()) == 2
    exchange.forget()
    assert bytes(exchange.beginning) == b""


def test_an_answer_to_a_question_that_was_not_heard_is_none(ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    large = wire.pack_frame({"op": "call"}, bytes(1 << 22))  # more than a socket holds
    exchange.ask(_QUESTION + large, [len(_QUESTION), len(large)], 2)
    ends[1].send(_answer(1))
    assert exchange.go_on(_BOTH) == "answered"  # the first question has been sent
    exchange.forget()
    ends[1].send(_answer(2))
    assert exchange.go_on(select.POLLIN) == "answer"


@pytest.mark.parametrize("several", [False, True])
def test_an_answer_that_is_too_large_is_refused(several: bool, ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    count = 2 if several else 1
    exchange.ask(_QUESTION * count, [len(_QUESTION)] * count, count)
    ends[1].send(wire.pack_frame({"value": "x" * _LIMIT}))
    found = ""
    while not found:
        found = exchange.go_on(_BOTH) or ""
    assert found == "output"


def test_the_end_of_the_other_side_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    exchange = _exchange(ends[0])
    exchange.ask(_QUESTION, [len(_QUESTION)], 1)
    ends[1].close()
    assert exchange.go_on(_BOTH) is None


def test_many_parts_of_any_size_are_sent_whole(ends: tuple[socket.socket, socket.socket]) -> None:
    import threading

    parts: list[bytes | memoryview] = [bytes([n % 256]) * (n * 37 % 5000) for n in range(1500)]
    sender = threading.Thread(target=wire.send_parts, args=(ends[0], parts))
    sender.start()
    expected = b"".join(bytes(part) for part in parts)
    received = b""
    while len(received) < len(expected):
        received += ends[1].recv(1 << 16)
    sender.join()
    assert received == expected


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the kernel's peak is told on Linux only")
@pytest.mark.parametrize(("mebibytes", "reason"), [(100, "memory"), (20, "answered")])
def test_what_was_held_while_nobody_looked_counts(mebibytes: int, reason: str, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        theirs.recv(1)
        held = b"x" * (mebibytes << 20)
        del held
        theirs.sendall(_answer(1))
        time.sleep(60)
        os._exit(0)
    born_with = memory_of(pid)[1]
    ours.send(b"g")
    # The answer is there before anybody looks.
    select.select([ours], [], [], 30)
    limits = {"wall_seconds": 20.0, "memory_bytes": 64 << 20}
    watch = Watch(pid, limits, str(tmp_path), born_with)
    exchange = _exchange(ours)
    exchange.ask(b"", (), 1)
    usage = watch.wait(20.0, exchange)
    ours.close()
    theirs.close()
    if usage.reason == "answered":
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        watch.close()
    assert usage.reason == reason
    assert (usage.status == signal.SIGKILL) == (reason == "memory")
