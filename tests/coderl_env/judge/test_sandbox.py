"""Isolation: the system call filter, interpreted; the file rules, listed; the tiers, asked for."""

from __future__ import annotations

import platform
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coderl_env.judge import TIERS, IsolationError, Judge, JudgeError, kernel, sandbox, seccomp, tier_report
from coderl_env.judge import worker as worker_module
from coderl_env.judge.process import HelperFailure, UnavailableTier, Zygote
from coderl_env.outcome import Outcome, Verdict
from coderl_env.problem import AssertCase, CallCase, Problem, StdioCase

ALLOW, KILL = "allow", "kill"
EPERM, EINVAL, ENOSYS = 1, 22, 38
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PID = 4242


def evaluate(program: bytes, number: int, arguments: Sequence[int] = (), architecture: int = 0xC000003E) -> Any:
    """Interpret a filter as the kernel would; return `allow`, `kill` or the error number."""
    values = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *(value & (1 << 64) - 1 for value in values))
    code = list(struct.iter_unpack("=HBBI", program))
    place, accumulator = 0, 0
    while True:
        operation, if_true, if_false, operand = code[place]
        place += 1
        if operation == 0x20:  # load a word of the call's data
            accumulator = struct.unpack_from("=I", data, operand)[0]
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x06:
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(operand, operand & 0xFFFF)
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}
            place += if_true if holds[operation] else if_false


# Numbers from the kernel's tables: x86-64, aarch64.
ALLOWED_CALLS = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62),
    "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134), "getpid": (39, 172), "exit": (60, 93),
    "futex": (202, 98), "getdents64": (217, 61), "clock_gettime": (228, 113), "exit_group": (231, 94),
    "openat": (257, 56), "newfstatat": (262, 79), "pipe2": (293, 59), "getrandom": (318, 278), "statx": (332, 291),
    "rseq": (334, 293), "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "eventfd2": (290, 19),
}  # fmt: skip
REFUSED_CALLS = {
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "sendmsg": (46, 211), "recvmsg": (47, 212), "execve": (59, 221), "execveat": (322, 281), "fork": (57, None),
    "vfork": (58, None), "setuid": (105, 146), "setsid": (112, 157), "setpgid": (109, 154), "chmod": (90, None),
    "fchmodat": (268, 53), "symlinkat": (266, 36), "linkat": (265, 37), "mknodat": (259, 33),
    "memfd_create": (319, 279), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "inotify_init1": (294, 26), "seccomp": (317, 277),
    "setrlimit": (160, 164), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "personality": (135, 92),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "splice": (275, 76), "sched_setaffinity": (203, 122),
    "setpriority": (141, 140), "mlockall": (151, 230), "swapon": (167, 224), "sethostname": (170, 161),
    "clock_settime": (227, 112), "capset": (126, 91), "landlock_restrict_self": (446, 446), "mq_open": (240, 180),
}  # fmt: skip
KILLING_CALLS = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "finit_module": (313, 273),
    "reboot": (169, 142), "io_uring_setup": (425, 425), "pidfd_getfd": (438, 438), "kexec_load": (246, 104),
}  # fmt: skip
CONDITIONAL_CALLS = {
    "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "fcntl": (72, 25), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "prctl": (157, 167), "prlimit64": (302, 261), "socketpair": (53, 199),
    "sendto": (44, 206), "mmap": (9, 222),
}  # fmt: skip
HIGH = 1 << 40
CONDITIONS: list[tuple[str, list[int], Any]] = [
    ("clone", [0x3D0F00], ALLOW),  # as libc starts a thread
    ("clone", [0x01200011], EPERM),  # as libc forks
    ("clone", [0x11], EPERM),
    ("clone", [0x4111], EPERM),  # vfork
    ("clone", [0x7E020011], EPERM),  # new namespaces
    ("clone3", [0x1000, 88], ENOSYS),
    ("ioctl", [1, 0x5401], ALLOW),  # TCGETS: isatty
    ("ioctl", [1, 0x541B], ALLOW),  # FIONREAD
    ("ioctl", [1, 0x5412], EPERM),  # TIOCSTI: type into the terminal
    ("ioctl", [1, 0x8912], EPERM),  # SIOCGIFCONF
    ("fcntl", [0, 0], ALLOW),
    ("fcntl", [0, 1030], ALLOW),  # F_DUPFD_CLOEXEC
    ("fcntl", [0, 8], EPERM),  # F_SETOWN
    ("fcntl", [0, 10], EPERM),  # F_SETSIG
    ("fcntl", [0, 15], EPERM),  # F_SETOWN_EX
    ("fcntl", [0, 7], ALLOW),  # F_SETLKW
    ("fcntl", [0, 37], ALLOW),  # F_OFD_SETLK
    ("fcntl", [0, 1024], EPERM),  # F_SETLEASE: others could not open the file
    ("fcntl", [0, 1026], EPERM),  # F_NOTIFY
    ("fcntl", [0, 1031], EPERM),  # F_SETPIPE_SZ
    ("fcntl", [0, 8 | HIGH], EPERM),
    ("kill", [PID, 9], ALLOW),
    ("kill", [1, 9], EPERM),
    ("kill", [-1, 9], EPERM),
    ("kill", [0, 9], EPERM),
    ("kill", [-PID, 9], EPERM),
    ("tgkill", [PID, PID, 6], ALLOW),
    ("tgkill", [1, 1, 9], EPERM),
    ("tkill", [PID, 6], ALLOW),
    ("tkill", [1, 9], EPERM),
    ("prctl", [15], ALLOW),  # PR_SET_NAME
    ("prctl", [1, 0], EINVAL),  # PR_SET_PDEATHSIG
    ("prctl", [4, 1], EINVAL),  # PR_SET_DUMPABLE
    ("prctl", [22], EINVAL),  # PR_SET_SECCOMP
    ("prlimit64", [0, 7], ALLOW),
    ("prlimit64", [PID, 7], ALLOW),
    ("prlimit64", [1, 7], EPERM),
    ("socketpair", [1, 1, 0], ALLOW),
    ("socketpair", [1, 1 | 0o2000000 | 0o4000, 0], ALLOW),  # close on exec, non-blocking
    ("socketpair", [1, 2, 0], EPERM),  # datagrams
    ("socketpair", [2, 1, 0], EPERM),  # internet
    ("mmap", [0, 4096, 3, 0x22], ALLOW),  # private and anonymous: memory
    ("mmap", [0, 4096, 3, 0x20022], ALLOW),  # a stack
    ("mmap", [0, 4096, 3, 0x1, 3], ALLOW),  # a file, shared
    ("mmap", [0, 4096, 3, 0x2, 3], ALLOW),  # a file, private
    ("mmap", [0, 4096, 3, 0x21], EPERM),  # shared memory
    ("mmap", [0, 4096, 3, 0x23], EPERM),
    ("mmap", [0, 4096, 3, 0x40022], EPERM),  # huge pages
    ("mmap", [0, 4096, 3, 0x40002, 3], EPERM),
    ("sendto", [3, 0x1000, 5, 0, 0, 0], ALLOW),
    ("sendto", [3, 0x1000, 5, 0, 0x2000, 16], EPERM),
    ("sendto", [3, 0x1000, 5, 0, HIGH, 16], EPERM),
]  # fmt: skip


def number_of(table: dict[str, Any], name: str, machine: str) -> int | None:
    found: int | None = table[name][list(ARCHITECTURES).index(machine)]
    return found


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("table", "answer"),
    [(ALLOWED_CALLS, ALLOW), (REFUSED_CALLS, EPERM), (KILLING_CALLS, KILL)],
    ids=["allow", "refuse", "kill"],
)
def test_the_filter_answers_each_call(machine: str, table: dict[str, Any], answer: Any) -> None:
    program = seccomp.seccomp_program(PID, machine)
    for name in table:
        number = number_of(table, name, machine)
        if number is not None:
            assert (name, evaluate(program, number, (), ARCHITECTURES[machine])) == (name, answer)


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(("name", "arguments", "answer"), CONDITIONS)
def test_the_filter_looks_at_arguments(machine: str, name: str, arguments: list[int], answer: Any) -> None:
    number = number_of(CONDITIONAL_CALLS, name, machine)
    assert number is not None
    assert evaluate(seccomp.seccomp_program(PID, machine), number, arguments, ARCHITECTURES[machine]) == answer


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_other_number_is_refused(machine: str) -> None:
    program = seccomp.seccomp_program(PID, machine)
    answers = [evaluate(program, number, (), ARCHITECTURES[machine]) for number in range(600)]
    assert answers.count(ALLOW) < 160
    assert set(answers) == {ALLOW, KILL, EPERM, EINVAL, ENOSYS}
    assert answers[500:] == [EPERM] * 100


def test_calls_of_another_architecture_kill() -> None:
    for machine in ARCHITECTURES:
        program = seccomp.seccomp_program(PID, machine)
        for foreign in (0x40000003, 0x40000028, *(set(ARCHITECTURES.values()) - {ARCHITECTURES[machine]})):
            assert evaluate(program, 0, (), foreign) == KILL
    assert evaluate(seccomp.seccomp_program(PID, "x86_64"), 0x40000000 | 1) == KILL  # x32
    assert evaluate(seccomp.seccomp_program(PID, "x86_64"), -1) == KILL


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_is_a_program_that_the_kernel_takes(machine: str) -> None:
    code = list(struct.iter_unpack("=HBBI", seccomp.seccomp_program(PID, machine)))
    assert len(code) <= 4096
    for place, (operation, if_true, if_false, operand) in enumerate(code):
        if operation == 0x20:
            assert operand % 4 == 0
            assert operand < 64
        if operation in (0x15, 0x35, 0x45):
            assert place + 1 + max(if_true, if_false) < len(code)
        else:
            assert if_true == if_false == 0
    assert code[-1][0] == 0x06


def test_the_prepared_filter_is_that_of_the_process_that_installs_it() -> None:
    if platform.machine() not in ARCHITECTURES:
        pytest.skip(f"no filter for {platform.machine()}")
    prepared = seccomp.Filter()
    assert prepared.write_number(PID) == seccomp.seccomp_program(PID)
    assert prepared.write_number(PID + 1) == seccomp.seccomp_program(PID + 1)


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(kernel.SandboxError, match="no table of system calls for riscv64"):
        seccomp.seccomp_program(PID, "riscv64")


def test_file_rules_go_around_what_is_hidden(tmp_path: Path) -> None:
    for name in ("a", "b/secret", "b/open", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "b" / "file").write_text("")
    root, hidden = str(tmp_path), str(tmp_path / "b" / "secret")
    assert sandbox.rules_below(root, sandbox.READ, []) == [(root, sandbox.READ)]
    assert sandbox.rules_below(root, sandbox.READ, ["/elsewhere"]) == [(root, sandbox.READ)]
    assert sandbox.rules_below(root, sandbox.READ, [root]) == []
    assert sandbox.rules_below(root, sandbox.READ, [hidden]) == [
        (root, sandbox.LIST),
        (f"{root}/a", sandbox.READ),
        (f"{root}/b", sandbox.LIST),
        (f"{root}/b/file", sandbox.READ),
        (f"{root}/b/open", sandbox.READ),
        (f"{root}/c", sandbox.READ),
    ]


def test_what_watches_is_not_limited_as_the_program_is() -> None:
    """A program can keep its zygote busy, with answers without end; that must not end the zygote."""
    code = (
        "import resource; from coderl_env.judge import sandbox\n"
        "before = resource.getrlimit(resource.RLIMIT_CPU)\n"
        "sandbox.limit_descendants()\n"
        "assert resource.getrlimit(resource.RLIMIT_CPU) == before\n"
        "sandbox.limit_program({'memory_bytes': 1 << 28}, 0.5, 1 << 20)\n"
        "sandbox.limit_output({'output_bytes': 10})\n"
        "for name in ('CPU', 'CORE', 'NOFILE', 'FSIZE', 'AS'):\n"
        "    print(*resource.getrlimit(getattr(resource, 'RLIMIT_' + name)))\n"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[:4] == ["1 2", "0 0", "256 256", "11 11"]
    if sys.platform == "linux":
        total = (1 << 20) + (1 << 28) + sandbox.SPARE_ADDRESS_SPACE
        assert said[4] == f"{total} {total}"


def test_limits_are_lowered_and_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    found = {}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (10, 20))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: found.update({which: limits}))
    sandbox._lower(resource.RLIMIT_CPU, 5, 6)
    sandbox._lower(resource.RLIMIT_NOFILE, 100, 200)
    assert found == {resource.RLIMIT_CPU: (5, 6), resource.RLIMIT_NOFILE: (20, 20)}


REPORT = tier_report()


@pytest.mark.parametrize("tier", TIERS)
def test_judgements_are_the_same_in_every_tier(tier: str) -> None:
    if REPORT[tier] != "available":
        pytest.skip(f"{tier}: {REPORT[tier]}")
    problems: list[tuple[str, Problem]] = [
        ("print(2 * int(input()))", Problem("p", "", (StdioCase("2", "4"), StdioCase("3", "6")))),
        ("def f(n): return 2 * n", Problem("p", "", (CallCase((2,), 4), CallCase((3,), 7)), entry_point="f")),
        ("def f(n): return 1 / n", Problem("p", "", (AssertCase("assert f(0) == 4"),), entry_point="f")),
        ("def f(", Problem("p", "", (StdioCase("2", "4"),))),
    ]
    with Judge(workers=1, isolation=tier) as judge:
        judgements = judge.judge_many(problems)
        assert judge.isolation == tier
    outcomes = [Outcome.PASSED, Outcome.FAILED_TEST, Outcome.RUNTIME_ERROR, Outcome.COMPILE_ERROR]
    assert [found.outcome for found in judgements] == outcomes
    assert {found.isolation for found in judgements} == {tier}


SHARED = [
    ("import socket\nsocket.socket()", "PermissionError"),
    ("import os\nos.fork()", "PermissionError"),
    ("import subprocess\nsubprocess.run(['true'])", "PermissionError"),
    ("import os\nos.kill(os.getppid(), 9)", None),
    ("open('/etc/hostname').read()", "PermissionError"),
    ("import os\nos.listdir('/home')", "PermissionError"),
    ("open('/tmp/left-behind', 'w')", None),
    ("import os\nos.symlink('/etc/passwd', 'link')", "PermissionError"),
    ("import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)", "SIGSYS"),
    ("import sys\nassert 'coderl_env' in sys.modules", "AssertionError"),
    ("import os\nassert 'HOME' in os.environ", "AssertionError"),
]


@pytest.mark.parametrize("tier", ["strict", "portable"])
def test_a_program_cannot_reach_beyond_its_own_process(tier: str) -> None:
    if REPORT[tier] != "available":
        pytest.skip(f"{tier}: {REPORT[tier]}")
    problem = Problem("p", "", (StdioCase("", ""),))
    with Judge(workers=1, isolation=tier) as judge:
        for program, error_type in SHARED:
            case = judge.judge(program, problem).cases[0]
            assert case.verdict in (Verdict.FORBIDDEN, Verdict.EXCEPTION), program
            if error_type is not None:
                assert (program, case.error_type) == (program, error_type)
    assert not Path("/tmp/left-behind").exists()


def unavailable(*tiers: str) -> Any:
    class Refusing(Zygote):
        def __init__(self, tier: str, **keywords: Any) -> None:
            if tier in tiers:
                raise UnavailableTier(f"no {tier} here")
            super().__init__(tier, **keywords)

    return Refusing


def test_auto_falls_back_to_portable(monkeypatch: pytest.MonkeyPatch) -> None:
    if REPORT["portable"] != "available":
        pytest.skip(REPORT["portable"])
    monkeypatch.setattr(worker_module, "Zygote", unavailable("strict"))
    with Judge(workers=1) as judge:
        assert judge.isolation == "portable"
    with pytest.raises(IsolationError, match="strict: no strict here"):
        Judge(workers=1, isolation="strict")


def test_auto_never_falls_back_to_none_and_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "Zygote", unavailable("strict", "portable"))
    with pytest.raises(IsolationError) as found:
        Judge(workers=1)
    message = str(found.value)
    assert "strict: no strict here; portable: no portable here" in message
    assert "isolation='none'" in message
    assert "--isolation none" in message
    assert isinstance(found.value, JudgeError)
    with Judge(workers=1, isolation="none") as judge:
        assert judge.isolation == "none"
        assert judge.judge("print(1)", Problem("p", "", (StdioCase("", "1"),))).isolation == "none"


def test_a_zygote_that_cannot_start_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **keywords: Any) -> None:
        raise HelperFailure("a judge process ended")

    monkeypatch.setattr(worker_module, "Zygote", fail)
    with pytest.raises(IsolationError, match="strict: a judge process ended; portable: a judge process ended"):
        Judge(workers=1)
    assert tier_report() == dict.fromkeys(TIERS, "a judge process ended")


def test_a_tier_that_is_refused_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    tier_report()
    assert list(tmp_path.iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
