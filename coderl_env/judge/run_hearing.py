"""Tests of standard input: a child for each, of which the first compiles for all.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import os
from typing import Any

from coderl_env.judge import child, wire
from coderl_env.judge.hearing import REPORT_BYTES, Child, Hearing
from coderl_env.judge.relay import memory_file


class RunHearing(Hearing):
    """Answers `run`: the body is standard input; the answer is the record, standard output, and the report."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._files: tuple[int, ...] = ()
        self._first: Child | None = None

    def open(self, source_size: int, tests: int) -> int:
        """Compile, and where all requests follow at once, answer the first; return how many have been answered."""
        if tests > 1:
            self._keep_code()
        limit = self._cpu_limit()
        body_size = wire.receive_header(self._connection)[1] if self._whole else 0
        start = child.Start.SAYING if self._whole else child.Start.WHEN_TOLD
        # The kernel's own limit counts compiling, too.
        self._first = self._fork_run(start, limit + float(self._limits["program_cpu_seconds"]), body_size)
        compiled = self._open(self._first, source_size)
        if not self._whole:
            return 0
        if compiled:
            self._finish(self._first, limit)
        else:
            wire.send_frame(self._connection, self.unrun())
        return 1

    def answer(self, request: dict[str, Any], body_size: int) -> int:
        """Run the program once; answer with record, output and report."""
        if not self.goes_on:
            self._relay.discard(self._connection, body_size)
            wire.send_frame(self._connection, self.unrun())
            return 1
        limit = self._cpu_limit()
        if self._first is not None:
            born = self._first
            self._relay.receive(self._connection, body_size, self._files[0])
            self._ready.send(child.GO)
        else:
            born = self._fork_run(child.Start.AT_ONCE, limit, body_size)
        self._finish(born, limit)
        return 1

    def _finish(self, born: Child, limit: float) -> None:
        """Wait for the end of a run, and answer with what came of it."""
        self._first = None
        usage = born.watch.wait(born.start_cpu + limit)
        born.reaped = True
        self._check_confined(self._said())
        if self._clean_up(born) and not usage.reason:
            usage.reason = "files"
        _, stdout, report = self._files
        output_bytes = os.fstat(stdout).st_size
        if not usage.reason and output_bytes > self._limits["output_bytes"]:
            usage.reason = "output"
        report_bytes = min(os.fstat(report).st_size, REPORT_BYTES)
        answer = {**self._counted(born.record(usage)), "report": report_bytes}
        parts = ((stdout, min(output_bytes, self._limits["output_bytes"])), (report, report_bytes))
        self._relay.send_files(self._connection, answer, parts)
        self._close_files()

    def close(self) -> None:
        """End what is left. May be called twice."""
        super().close()
        if self._first is not None:
            self._clean_up(self._first)
            self._first = None
        self._close_files()

    def _fork_run(self, start: child.Start, cpu_seconds: float, body_size: int = 0) -> Child:
        self._files = (memory_file(), memory_file(), memory_file())
        stdin, stdout, report = self._files
        self._relay.receive(self._connection, body_size, stdin)
        files = (stdin, stdout, child.READY, report, self._source, *self._code)
        return self._fork(child.Task(child.Job.RUN, start), files, cpu_seconds)

    def _close_files(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)
        self._files = ()
