"""Programs that try to get out of the judge, and what must become of them. `coderl doctor` runs them.

Whether a probe got through is decided by what happened in this process's world, or by the verdict; what a program
claims counts only where it prints something that it cannot know.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from coderl_env.judge import Judge
from coderl_env.outcome import Judgement, Outcome
from coderl_env.problem import Limits, Problem, StdioCase

__all__ = ["ProbeResult", "run_probes"]

_LIMITS = Limits(cpu_seconds=1.0, wall_seconds=5.0, program_cpu_seconds=2.0)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What became of one probe.

    Attributes:
        name: what it tried.
        held: whether the judge held.
        detail: the outcome and the first verdict.
    """

    name: str
    held: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Probe:
    name: str
    program: str
    held: Callable[[Judgement], bool]
    expected: str = "held\n"


def run_probes(judge: Judge) -> Iterator[ProbeResult]:
    """Run every probe and yield its result.

    Raises:
        JudgeError: the judge could not do its work.
    """
    with (
        tempfile.TemporaryDirectory(prefix="coderl-doctor-") as name,
        closing(socket.create_server(("127.0.0.1", 0))) as server,
    ):
        folder = Path(name)
        # Open to everybody, so that it is the judge that keeps programs out, not the file system's rights.
        folder.chmod(0o777)
        server.setblocking(False)
        for probe in [*_verdict_probes(), *_escape_probes(folder, server)]:
            problem = Problem("doctor/probe", probe.name, (StdioCase("", probe.expected),), limits=_LIMITS)
            judgement = judge.judge(probe.program, problem)
            verdict = judgement.cases[0].verdict.value.replace("_", " ") if judgement.cases else ""
            detail = f"{judgement.outcome.value.replace('_', ' ')}, {verdict}".rstrip(", ")
            yield ProbeResult(probe.name, probe.held(judgement), detail)


def _is(outcome: Outcome) -> Callable[[Judgement], bool]:
    return lambda judgement: judgement.outcome is outcome


def _verdict_probes() -> list[_Probe]:
    return [
        _Probe("a right program passes", "print('held')", _is(Outcome.PASSED)),
        _Probe("a wrong program fails", "print('wrong')", _is(Outcome.FAILED_TEST)),
        _Probe("an exception is a runtime error", "raise ValueError", _is(Outcome.RUNTIME_ERROR)),
        _Probe("bad syntax is a compile error", "print(", _is(Outcome.COMPILE_ERROR)),
        _Probe("an endless loop is stopped", "while True: pass", _is(Outcome.RUNTIME_ERROR)),
        _Probe("memory is limited", "x = bytearray(4 << 30)\nprint('held')", _is(Outcome.RUNTIME_ERROR)),
        _Probe("output is limited", "while True: print('x' * 10000)", _is(Outcome.RUNTIME_ERROR)),
        _Probe("exit status counts", "print('held')\nraise SystemExit(3)", _is(Outcome.RUNTIME_ERROR)),
    ]


def _escape_probes(folder: Path, server: socket.socket) -> Iterator[_Probe]:
    written = folder / "written"
    yield _Probe(
        "no file is written outside",
        f"open({str(written)!r}, 'w').write('x')",
        lambda _: not written.exists(),
    )
    secret = folder / "secret"
    secret.write_text(secrets.token_hex(8) + "\n", encoding="utf-8")
    secret.chmod(0o644)
    yield _Probe(
        "no file of yours is read",
        f"print(open({str(secret)!r}).read(), end='')",
        lambda judgement: judgement.outcome is not Outcome.PASSED,
        expected=secret.read_text(encoding="utf-8"),
    )
    yield _Probe(
        "no connection is made",
        f"import socket\nsocket.create_connection({server.getsockname()!r}, timeout=1)",
        lambda _: not _was_called(server),
    )
    # Signal 0 reaches nobody: it only asks whether a signal would be delivered.
    yield _Probe(
        "no process of yours is signalled",
        f"import os\nos.kill({os.getpid()}, 0)\nprint('held')",
        lambda judgement: judgement.outcome is not Outcome.PASSED,
    )
    mark = f"coderl-probe-{secrets.token_hex(8)}"
    yield _Probe(
        "no process stays behind",
        "import os, sys\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', {mark!r}])\n"
        "print('held')",
        lambda _: not _is_running(mark),
    )
    token = secrets.token_hex(16)
    yield _Probe("the expected output is not within reach", _SEARCH, _is_not_passed, expected=f"secret-{token}\n")


def _is_not_passed(judgement: Judgement) -> bool:
    return judgement.outcome is not Outcome.PASSED


# Looks for a string that only the expected output holds: in all objects, in the environment, in the arguments.
_SEARCH = """
import gc, os, re, sys
texts = [repr(thing) for thing in gc.get_objects() if isinstance(thing, (dict, list, tuple))][:20000]
texts += [repr(dict(os.environ)), repr(sys.argv)]
for name in ("cmdline", "environ"):
    for process in ("self", str(os.getppid())):
        try:
            texts.append(open(f"/proc/{process}/{name}").read())
        except OSError:
            pass
for text in texts:
    found = re.search("secret-[0-9a-f]{32}", text)
    if found:
        print(found.group())
        break
"""


def _was_called(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def _is_running(mark: str) -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in file.read_bytes():
                return True
        except OSError:
            continue  # ended meanwhile
    return False
