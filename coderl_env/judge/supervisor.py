"""Judges one program inside the zygote: opens its hearing, has each request answered, ends it.

Nothing that a program or a test wrote enters this process's own memory, which every later child is born with: sources,
standard input and output, questions and answers pass through files that are in no memory, and through pages that a fork
leaves out. It records what the kernel says of each child (status, times, memory); the trainer's process classifies and
compares. Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from coderl_env.judge import child, wire
from coderl_env.judge.call_hearing import CallHearing
from coderl_env.judge.hearing import Hearing, LostChildError
from coderl_env.judge.relay import Relay, memory_file
from coderl_env.judge.run_hearing import RunHearing

__all__ = ["LostChildError", "judge_program"]


def judge_program(
    connection: socket.socket, confinement: child.Confinement, relay: Relay, header: dict[str, Any], source_size: int
) -> None:
    """Judge one program, whose opening frame has been read up to the source.

    The first answer says whether the source compiled. Then comes one for each test, in the order of the requests: `run`
    (the body is standard input) and `call` (the body is frames for the child, one for each of some tests). Where the
    opening does not say that it is `whole`, it is not known beforehand how many they are: then `end` ends them, and is
    answered.

    Raises:
        EOFError: the trainer is gone.
        LostChildError: as it says.
    """
    source = memory_file()
    try:
        relay.receive(connection, source_size, source)
        kind = CallHearing if header["kind"] == "call" else RunHearing
        hearing = kind(connection, confinement, relay, header, source)
        try:
            _answer_all(hearing, connection, header, source_size)
        finally:
            hearing.close()
    finally:
        os.close(source)
        relay.shrink()
    if not header["whole"]:
        wire.send_frame(connection, {"ended": True})


def _answer_all(hearing: Hearing, connection: socket.socket, header: dict[str, Any], source_size: int) -> None:
    done = hearing.open(source_size, header["tests"])
    while not header["whole"] or done < header["tests"]:
        request, body_size = wire.receive_header(connection)
        if request["op"] == "end":
            return
        done += hearing.answer(request, body_size)
