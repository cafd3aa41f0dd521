"""The system call filter: what a program may ask of the kernel, as a program of the kernel's own little machine.

System calls are named by their numbers on x86-64 and aarch64. Loaded by path into the judge's small processes; standard
library only.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Mapping, Sequence

from coderl_env.judge.kernel import SandboxError, check, libc

# name: (x86-64, aarch64); -1 where the architecture lacks it.
_ALLOWED = {
    "read": (0, 63), "write": (1, 64), "open": (2, -1), "close": (3, 57), "stat": (4, -1), "fstat": (5, 80),
    "lstat": (6, -1), "poll": (7, -1), "lseek": (8, 62), "mprotect": (10, 226), "munmap": (11, 215),
    "brk": (12, 214), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, -1),
    "pipe": (22, -1), "select": (23, -1), "sched_yield": (24, 124), "mremap": (25, 216), "madvise": (28, 233),
    "dup": (32, 23), "dup2": (33, -1), "pause": (34, -1), "nanosleep": (35, 101), "getitimer": (36, 102),
    "alarm": (37, -1), "setitimer": (38, 103), "getpid": (39, 172), "sendfile": (40, 71), "recvfrom": (45, 207),
    "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205), "setsockopt": (54, 208),
    "getsockopt": (55, 209), "exit": (60, 93), "uname": (63, 160), "flock": (73, 32), "fsync": (74, 82),
    "fdatasync": (75, 83), "truncate": (76, 45), "ftruncate": (77, 46), "getdents": (78, -1), "getcwd": (79, 17),
    "chdir": (80, 49), "fchdir": (81, 50), "rename": (82, -1), "mkdir": (83, -1), "rmdir": (84, -1),
    "unlink": (87, -1), "readlink": (89, -1), "umask": (95, 166), "gettimeofday": (96, 169), "getrlimit": (97, 163),
    "getrusage": (98, 165), "sysinfo": (99, 179), "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176),
    "geteuid": (107, 175), "getegid": (108, 177), "getppid": (110, 173), "getpgrp": (111, -1),
    "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150), "getpgid": (121, 155),
    "getsid": (124, 156), "capget": (125, 90), "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "statfs": (137, 43), "fstatfs": (138, 44),
    "getpriority": (140, 141), "sched_getparam": (143, 121), "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126), "arch_prctl": (158, -1),
    "gettid": (186, 178), "futex": (202, 98), "sched_getaffinity": (204, 123), "epoll_create": (213, -1),
    "getdents64": (217, 61), "set_tid_address": (218, 96), "restart_syscall": (219, 128),
    "fadvise64": (221, 223), "timer_settime": (223, 110), "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109), "timer_delete": (226, 111), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "exit_group": (231, 94), "epoll_wait": (232, -1),
    "epoll_ctl": (233, 21), "openat": (257, 56), "mkdirat": (258, 34), "newfstatat": (262, 79),
    "unlinkat": (263, 35), "renameat": (264, 38), "readlinkat": (267, 78), "faccessat": (269, 48),
    "pselect6": (270, 72), "ppoll": (271, 73), "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "epoll_pwait": (281, 22), "timerfd_create": (283, 85), "eventfd": (284, -1), "fallocate": (285, 47),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "eventfd2": (290, 19), "epoll_create1": (291, 20),
    "dup3": (292, 24), "pipe2": (293, 59), "preadv": (295, 69), "pwritev": (296, 70), "getcpu": (309, 168),
    "sched_getattr": (315, 275), "renameat2": (316, 276), "getrandom": (318, 278), "membarrier": (324, 283),
    "copy_file_range": (326, 285), "preadv2": (327, 286), "pwritev2": (328, 287), "statx": (332, 291),
    "rseq": (334, 293), "close_range": (436, 436), "faccessat2": (439, 439), "epoll_pwait2": (441, 441),
    "futex_waitv": (449, 449),
}  # fmt: skip
# No honest program makes these: the process is killed, and the verdict says FORBIDDEN.
_KILLED = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "init_module": (175, 105), "finit_module": (313, 273),
    "kexec_load": (246, 104), "reboot": (169, 142), "open_by_handle_at": (304, 265), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
}  # fmt: skip
# Allowed with certain arguments only.
_CONDITIONAL = {
    "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "fcntl": (72, 25), "kill": (62, 129),
    "tkill": (200, 130), "tgkill": (234, 131), "prctl": (157, 167), "prlimit64": (302, 261), "socketpair": (53, 199),
    "sendto": (44, 206), "mmap": (9, 222),
}  # fmt: skip

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
_RET_ALLOW = 0x7FFF0000
_EPERM, _EINVAL, _ENOSYS = 1, 22, 38
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN, _AND = 0x20, 0x15, 0x35, 0x45, 0x06, 0x54
_CLONE_THREAD = 0x00010000
# fcntl: duplicates, flags, and locks that bind only those who ask for them. Not leases, which keep the rest of the
# machine from opening a file; not owners, in whose place the kernel would send signals; not the sizes of pipes.
_FCNTLS = (*range(8), 36, 37, 38, 1030, 1032)
# ioctl: terminal questions and descriptor flags that Python itself asks.
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PR_SET_NAME, _PR_GET_NAME = 15, 16
_AF_UNIX, _SOCK_STREAM = 1, 1
_MAP_SHARED, _MAP_ANONYMOUS, _MAP_HUGETLB = 0x01, 0x20, 0x40000

_Instruction = tuple[int, int, int, int]


def _argument(index: int) -> _Instruction:
    # struct seccomp_data: nr, arch, instruction pointer, then six 64-bit arguments; the low half comes first.
    return (_LOAD, 0, 0, 16 + 8 * index)


def _return(action: int) -> _Instruction:
    return (_RETURN, 0, 0, action)


def _allow_if_equal(index: int, values: Iterable[int], otherwise: int) -> list[_Instruction]:
    code = [_argument(index)]
    for value in values:
        code += [(_JUMP_EQUAL, 0, 1, value & 0xFFFFFFFF), _return(_RET_ALLOW)]
    return [*code, _return(otherwise)]


def _conditions(pid: int) -> dict[str, list[_Instruction]]:
    refuse = _RET_ERRNO | _EPERM
    return {
        # Threads, yes; processes, no. The flags also exclude namespaces, because those cannot go with CLONE_THREAD.
        "clone": [_argument(0), (_JUMP_SET, 0, 1, _CLONE_THREAD), _return(_RET_ALLOW), _return(refuse)],
        # Its flags lie in memory, where a filter cannot look; without it libc falls back to clone.
        "clone3": [_return(_RET_ERRNO | _ENOSYS)],
        "ioctl": _allow_if_equal(1, _IOCTLS, refuse),
        "fcntl": _allow_if_equal(1, _FCNTLS, refuse),
        # Pages of shared memory stay when the process lets go of them: nobody would see how much it holds.
        # Huge pages come from a store of the machine's own.
        "mmap": [
            _argument(3),
            (_JUMP_SET, 3, 0, _MAP_HUGETLB),
            (_JUMP_SET, 0, 1, _MAP_ANONYMOUS),
            (_JUMP_SET, 1, 0, _MAP_SHARED),
            _return(_RET_ALLOW),
            _return(refuse),
        ],
        "kill": _allow_if_equal(0, [pid], refuse),
        "tgkill": _allow_if_equal(0, [pid], refuse),
        # A thread's number is not known beforehand; only the main thread's may be named.
        "tkill": _allow_if_equal(0, [pid], refuse),
        # PR_SET_PDEATHSIG would undo the death signal. libc names its mappings and ignores the refusal.
        "prctl": _allow_if_equal(0, [_PR_SET_NAME, _PR_GET_NAME], _RET_ERRNO | _EINVAL),
        "prlimit64": _allow_if_equal(0, [0, pid], refuse),
        # asyncio needs a pair of connected stream sockets; a datagram socket could be sent elsewhere.
        "socketpair": [
            _argument(0),
            (_JUMP_EQUAL, 0, 4, _AF_UNIX),
            _argument(1),
            (_AND, 0, 0, 0xF),
            (_JUMP_EQUAL, 0, 1, _SOCK_STREAM),
            _return(_RET_ALLOW),
            _return(refuse),
        ],
        # No destination address: both halves of the pointer are zero.
        "sendto": [
            _argument(4),
            (_JUMP_EQUAL, 0, 3, 0),
            (_LOAD, 0, 0, 16 + 8 * 4 + 4),
            (_JUMP_EQUAL, 0, 1, 0),
            _return(_RET_ALLOW),
            _return(refuse),
        ],
    }


def seccomp_program(pid: int, machine: str | None = None) -> bytes:
    """Return the filter for the process `pid` as the kernel's array of instructions.

    Whatever is not listed is refused with EPERM; a foreign architecture's call kills.

    Raises:
        SandboxError: no table for this architecture.
    """
    machine = machine or os.uname().machine
    if machine not in _ARCHITECTURES:
        raise SandboxError(f"seccomp: no table of system calls for {machine}")
    column, architecture = _ARCHITECTURES[machine]
    code: list[_Instruction] = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        _return(_RET_KILL_PROCESS),
        (_LOAD, 0, 0, 0),
    ]
    if machine == "x86_64":
        # The x32 variant of every call has this bit set.
        code += [(_JUMP_AT_LEAST, 0, 1, 0x40000000), _return(_RET_KILL_PROCESS)]
    by_number: dict[int, list[_Instruction]] = {}
    for table, action in ((_ALLOWED, _RET_ALLOW), (_KILLED, _RET_KILL_PROCESS)):
        by_number |= {numbers[column]: [_return(action)] for numbers in table.values() if numbers[column] >= 0}
    by_number |= {_CONDITIONAL[name][column]: body for name, body in _conditions(pid).items()}
    code += _search(_ranges(by_number, [_return(_RET_ERRNO | _EPERM)]))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


_Range = tuple[int, list[_Instruction]]


def _ranges(by_number: Mapping[int, list[_Instruction]], otherwise: list[_Instruction]) -> list[_Range]:
    """Return (first number, what to do) for each run of numbers with which the same is done, from 0 to the last."""
    found: list[_Range] = []
    for number in range(max(by_number) + 2):
        body = by_number.get(number, otherwise)
        if not found or body != found[-1][1]:
            found.append((number, body))
    return found


def _search(ranges: Sequence[_Range]) -> list[_Instruction]:
    """Return code that finds the range of the loaded number by halving.

    The kernel asks a new filter about every number that there is; with one question after the other that took longer
    than the fork.
    """
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    low, high = _search(ranges[:middle]), _search(ranges[middle:])
    if len(low) > 255:
        raise SandboxError(f"seccomp: a jump over {len(low)} instructions is too far")
    return [(_JUMP_AT_LEAST, len(low), 0, ranges[middle][0]), *low, *high]


# Stands for the process's number in a filter that is built before the process exists; above any real number.
_PID_PLACEHOLDER = 0x7EADBEEF


def seccomp_template() -> bytes:
    """Return the filter with the process's number left open: building it for each child would cost more than a fork."""
    return seccomp_program(_PID_PLACEHOLDER)


class Filter:
    """The filter, laid out in memory once; each process puts in its own number and installs it."""

    def __init__(self) -> None:
        program = seccomp_template()
        places = program.split(struct.pack("=I", _PID_PLACEHOLDER))
        self._code = ctypes.create_string_buffer(program, len(program))
        self._offsets = []
        offset = 0
        for place in places[:-1]:
            offset += len(place)
            self._offsets.append(offset)
            offset += 4
        address = ctypes.addressof(self._code)
        self._header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, address))

    def write_number(self, pid: int) -> bytes:
        """Make it the filter of the process `pid`, and return it."""
        for offset in self._offsets:
            _NUMBER.pack_into(self._code, offset, pid)
        return self._code.raw

    def install(self) -> None:
        """Bind the calling thread, and all it starts."""
        self.write_number(os.getpid())
        pr_set_seccomp, mode_filter = 22, 2
        check(libc.prctl(pr_set_seccomp, mode_filter, self._header, 0, 0), "seccomp")


_NUMBER = struct.Struct("=I")
