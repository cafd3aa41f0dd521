"""Calls: one child for all of them, which compiles and loads the program; another one after a call that ended it.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from coderl_env.judge import child, wire
from coderl_env.judge.hearing import REPORT_BYTES, Child, Hearing
from coderl_env.judge.watch import Exchange, Usage

# Frames around the value that a child answers with, and escapes in it.
_FRAME_SPARE = 4096
_LOADED = wire.pack_frame({"loaded": True})

# What is answered of a test: a record, and the child's own frame where it gave one.
_Answer = tuple[dict[str, Any], memoryview]
_NOTHING = memoryview(b"")


class CallHearing(Hearing):
    """Answers `call`: the body is questions, frames for the child; each is answered with a record and its answer."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._child: Child | None = None
        self._channel: socket.socket | None = None
        self._exchange: Exchange | None = None
        self._waits = self._loaded = self._asked = self._continues = False
        # Processor time of the call that is under way, of which there are questions in between.
        self._spent = 0.0
        # How loading failed.
        self._failure: _Answer | None = None
        # Tests without an answer.
        self._left = 0
        # A frame of escapes is larger than the value it carries.
        self._answer_bytes = int(self._limits["output_bytes"]) + _FRAME_SPARE
        self._relay.reserve_answers(max(self._answer_bytes, 2 * REPORT_BYTES))

    def open(self, source_size: int, tests: int) -> int:
        """Compile, and answer whether the source did; no test is done."""
        self._left = tests
        self._waits = not self._whole
        self._open(self._start(child.Start.SAYING if self._whole else child.Start.WHEN_TOLD), source_size)
        return 0

    def answer(self, request: dict[str, Any], body_size: int) -> int:
        """Relay questions, and answer each with the child's answer, or with the record of its end."""
        questions = self._relay.take(self._connection, body_size)
        sizes = wire.frame_sizes(questions)
        count = len(sizes)
        self._asked = False
        self._continues = bool(request["continues"])
        while sizes:
            answers = self._say(questions, sizes)
            questions = questions[sum(sizes[:answers]) :]
            sizes = sizes[answers:]
        return count

    def _say(self, questions: memoryview, sizes: Sequence[int]) -> int:
        """Answer one question or some; return how many."""
        if self._failure is not None:
            answers = [self._failure]
        elif not self.goes_on:
            answers = [(self.unrun(), _NOTHING)]
        else:
            answers = self._hear(questions, sizes)
        parts: list[bytes | memoryview] = []
        said = 0
        for record, body in answers:
            parts += (wire.pack_head(self._counted(record), len(body)), body)
            said += 1
            if not self.goes_on:
                self._drop()
                break
        self._left -= said
        if self._whole and not self._left:
            self.close()  # whoever has the last answer finds nothing of the program left
        wire.send_parts(self._connection, parts)
        if self._exchange is not None:
            self._exchange.forget()
        return said

    def _hear(self, questions: memoryview, sizes: Sequence[int]) -> list[_Answer]:
        """Ask what has not been asked, and return what is answered, of one question or some."""
        if self._child is None:
            usage = self._restart()
            if usage.reason != "answered":
                return [self._end(usage)]
        born, exchange = self._child, self._exchange
        assert born is not None
        assert exchange is not None
        if self._waits:
            self._ready.send(child.GO)
            self._waits = False
        if not self._asked:
            exchange.ask(questions, sizes, len(sizes))
            self._asked = True
        self._spent = self._spent if self._continues else 0.0
        limit = max(self._cpu_limit() - self._spent, 0.0)
        bodies: list[memoryview] = []
        while not bodies:
            usage = born.watch.wait(born.start_cpu + limit, exchange)
            if usage.reason != "answered":
                return [self._end(usage)]
            bodies = exchange.take()
            if not self._loaded:
                said = bodies.pop(0)
                if said != _LOADED:
                    # A module that fails to load fails every test in the same way.
                    self._drop()
                    self._failure = ({"cpu": 0.0}, said)
                    return [({"cpu": max(usage.cpu_seconds - born.start_cpu, 0.0)}, said)]
                self._loaded = True
                if not bodies:
                    exchange.forget()
        # What came together took its time together.
        spent = max(usage.cpu_seconds - born.start_cpu, 0.0) / len(bodies)
        if spent > limit:
            usage.reason = "cpu"
            born.end()
            return [self._end(usage)]
        born.start_cpu = usage.cpu_seconds
        self._spent += spent
        return [({"cpu": spent}, body) for body in bodies]

    def _start(self, start: child.Start) -> Child:
        self._channel, theirs = socket.socketpair()
        self._exchange = Exchange(
            self._channel,
            self._relay.answers[: self._answer_bytes],
            lambda said: wire.frame_size(said, self._answer_bytes),
        )
        self._exchange.ask(b"", (), 1)  # it will say that it has loaded the program
        # The kernel's own limit counts all calls together; each is watched.
        limit = self._cpu_left + float(self._limits["program_cpu_seconds"])
        files = (child.READY, child.READY, child.READY, theirs.fileno(), self._source, *self._code)
        self._child = self._fork(child.Task(child.Job.SERVE_CALLS, start), files, limit)
        theirs.close()
        return self._child

    def _restart(self) -> Usage:
        """Start another child, and return how compiling went, which the first of them does for the others."""
        self._keep_code()
        born = self._start(child.Start.SAYING)
        self._asked = False
        usage, _ = self._await_compilation(born)
        self._cpu_left -= usage.cpu_seconds  # of compiling once more
        return usage

    def _end(self, usage: Usage) -> _Answer:
        """Return the answer that tells of the child's end."""
        assert self._child is not None
        self._child.reaped = True
        record = {**self._child.record(usage), "ended": True}
        if not self._loaded:
            # Limits stop by the usual rule; the rest of the tests would end like this one.
            self._failure = ({**record, "cpu": 0.0}, _NOTHING)
        self._drop()
        return record, _NOTHING

    def _drop(self) -> None:
        """Forget the child, which has ended or is to."""
        if self._child is not None:
            self._clean_up(self._child)
        if self._channel is not None:
            self._channel.close()
        self._child = self._channel = self._exchange = None
        self._loaded = False

    def close(self) -> None:
        """End what is left. May be called twice."""
        super().close()
        self._drop()
