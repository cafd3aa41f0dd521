"""What takes a process's power away, but for its system calls: namespaces, Landlock, capabilities, resource limits.

Only the kernel's stable interface is used, through ctypes. Every function acts on the calling process and cannot be
undone. This file is loaded by path into the judge's small processes; it imports the standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from coderl_env.judge.kernel import SandboxError, check, libc, syscall

# Stacks of threads and reserved arenas are address space, not memory: the supervisor watches what is really used.
SPARE_ADDRESS_SPACE = 4 << 30
_MAX_QUEUED_SIGNALS = 128
# The same on every architecture (introduced after the tables were unified).
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_MOUNT_SETATTR = 442

# --- Landlock ----------------------------------------------------------------------------------------------------

READ = 1 << 2 | 1 << 3 | 1 << 0  # read file, read directory, execute
LIST = 1 << 3
# Inside the private directory: read, write, list, remove, and make and move directories and plain files. No sockets,
# no devices, no fifos, no symbolic links.
READ_WRITE = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13
_TRUNCATE = 1 << 14
_FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
# By ABI: how many rights on files exist.
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}


def landlock_abi() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    result: int = libc.syscall(ctypes.c_long(_LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return max(result, 0)


def create_ruleset(rules: Iterable[tuple[str, int]]) -> int:
    """Return the descriptor of a Landlock ruleset that allows `rules`, (path, rights) each, and nothing else.

    TCP, abstract sockets and signals to processes outside are shut where the kernel's version can.

    Raises:
        SandboxError: no Landlock here.
    """
    abi = landlock_abi()
    if abi < 1:
        raise SandboxError("Landlock is not available")
    handled = _handled_rights(abi)
    attribute = struct.pack("=Q", handled)
    if abi >= 4:
        attribute += struct.pack("=Q", 0b11)
    if abi >= 6:
        attribute += struct.pack("=Q", 0b11)
    descriptor = syscall(
        "landlock_create_ruleset", _LANDLOCK_CREATE_RULESET, attribute, ctypes.c_size_t(len(attribute)), 0
    )
    for path, rights in rules:
        _add_rule(descriptor, path, rights, handled)
    # Out of the way of the low numbers, where a child arranges its own.
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(descriptor)
    return high


def _handled_rights(abi: int) -> int:
    return (1 << _RIGHTS_BY_ABI.get(abi, 16)) - 1


def _add_rule(ruleset: int, path: str, rights: int, handled: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist needs no permission
    try:
        if rights & 1 << 1:
            rights |= _TRUNCATE
        if not os.path.isdir(path):
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights & handled, target)
        path_beneath = 1
        syscall("landlock_add_rule", _LANDLOCK_ADD_RULE, ruleset, path_beneath, rule, 0)
    finally:
        os.close(target)


def rules_below(root: str, rights: int, excluded: Iterable[str]) -> list[tuple[str, int]]:
    """Return rules that allow `rights` below `root`, but for the folders in `excluded`.

    Landlock can only allow, so where something below must stay hidden each sibling gets a rule of its own, and the
    folders on the way may be listed, not read.
    """
    hidden = [path for path in excluded if path == root or path.startswith(root.rstrip("/") + "/")]
    if not hidden:
        return [(root, rights)]
    if root in hidden:
        return []
    rules = [(root, LIST)]
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:
        return rules
    for entry in entries:
        rules += rules_below(entry.path, rights, hidden)
    return rules


def restrict_files(ruleset: int) -> None:
    """Bind the calling process to a Landlock ruleset."""
    syscall("landlock_restrict_self", _LANDLOCK_RESTRICT_SELF, ruleset, 0)


# --- privileges, namespaces, limits ------------------------------------------------------------------------------


def set_death_signal() -> None:
    """Have the kernel kill the calling process when its parent dies."""
    pr_set_pdeathsig, sigkill = 1, 9
    check(libc.prctl(pr_set_pdeathsig, sigkill, 0, 0, 0), "PR_SET_PDEATHSIG")


def become_subreaper() -> None:
    """Make the calling process inherit the orphans among its descendants."""
    pr_set_child_subreaper = 36
    check(libc.prctl(pr_set_child_subreaper, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


def drop_privileges() -> None:
    """Give up every capability and the way to new ones, and refuse to be traced or read by equals."""
    pr_set_no_new_privs, pr_set_dumpable = 38, 4
    check(libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
    header = struct.pack("=Ii", 0x20080522, 0)
    check(libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0)), "capset")
    check(libc.prctl(pr_set_dumpable, 0, 0, 0, 0), "PR_SET_DUMPABLE")


def enter_namespaces() -> None:
    """Move into new user, mount, network, IPC and host-name namespaces; the next child starts a new pid namespace.

    Raises:
        SandboxError: the kernel or the container does not allow it.
    """
    newns, newuts, newipc, newuser, newpid, newnet = (
        0x00020000,
        0x04000000,
        0x08000000,
        0x10000000,
        0x20000000,
        0x40000000,
    )
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(newns | newuts | newipc | newuser | newpid | newnet), "unshare")
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"1000 {uid} 1"), ("gid_map", f"1000 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    except OSError as error:
        raise SandboxError(f"user namespace: {error.strerror}") from error


def make_world_read_only(private: str, size_bytes: int, masked: Iterable[str]) -> None:
    """Make every mount read-only and put an empty, small memory file system over `private`; mount a fresh /proc.

    The folders `masked` are empty from now on.

    To be called as the first process of a new pid namespace, inside a new mount namespace.
    """
    ms_rdonly, ms_nosuid, ms_nodev, ms_noexec, ms_rec, ms_private = 1, 2, 4, 8, 1 << 14, 1 << 18
    _mount("none", "/", None, ms_rec | ms_private, None)
    _mount("proc", "/proc", "proc", ms_nosuid | ms_nodev | ms_noexec, None)
    at_fdcwd, at_recursive, attr_rdonly = -100, 0x8000, 1
    attributes = struct.pack("=QQQQ", attr_rdonly, 0, 0, 0)
    syscall(
        "mount_setattr",
        _MOUNT_SETATTR,
        ctypes.c_int(at_fdcwd),
        b"/",
        ctypes.c_uint(at_recursive),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    options = f"size={size_bytes},nr_inodes=4096,mode=700"
    _mount("tmpfs", private, "tmpfs", ms_nosuid | ms_nodev | ms_noexec, options)
    for folder in masked:
        _mount("tmpfs", folder, "tmpfs", ms_rdonly | ms_nosuid | ms_nodev | ms_noexec, "size=4096,nr_inodes=1,mode=555")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None) -> None:
    arguments = [None if text is None else text.encode() for text in (source, target, kind)]
    data = None if options is None else options.encode()
    check(libc.mount(*arguments, ctypes.c_ulong(flags), data), f"mount {target}")


def limit_descendants() -> None:
    """Set the resource limits that are the same for every program; what is forked from now on inherits them."""
    _lower(resource.RLIMIT_NOFILE, 256, 256)
    _lower(resource.RLIMIT_CORE, 0, 0)
    if sys.platform == "linux":
        # Queued real-time signals are counted for the user, the trainer's own among them.
        _lower(resource.RLIMIT_SIGPENDING, _MAX_QUEUED_SIGNALS, _MAX_QUEUED_SIGNALS)


def limit_program(limits: Mapping[str, Any], cpu_seconds: float, mapped_bytes: int) -> None:
    """Set the resource limits of a process that compiles and runs a program, beyond those of `limit_descendants`.

    That of `limit_output` comes later, after what the process leaves for the next.

    Args:
        limits: as `dataclasses.asdict` of `Limits`.
        cpu_seconds: processor time. The kernel counts whole seconds, so it is rounded up; the supervisor watches the
            exact time.
        mapped_bytes: address space that the process was born with.
    """
    whole = int(cpu_seconds) + 1
    _lower(resource.RLIMIT_CPU, whole, whole + 1)
    if sys.platform == "linux":
        total = mapped_bytes + int(limits["memory_bytes"]) + SPARE_ADDRESS_SPACE
        _lower(resource.RLIMIT_AS, total, total)


def limit_output(limits: Mapping[str, Any]) -> None:
    """Limit the size of the files that the process writes, standard output among them."""
    file_bytes = limits["output_bytes"] + 1
    _lower(resource.RLIMIT_FSIZE, file_bytes, file_bytes)


def _lower(which: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(which)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(which, (soft, hard))
