"""The kernel, through ctypes: its system calls, and how it refuses.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


class SandboxError(Exception):
    """The kernel refused a part of the isolation; the message says which."""


def check(result: int, what: str) -> int:
    """Return `result`.

    Raises:
        SandboxError: it is negative; `what` was refused.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise SandboxError(f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: object) -> int:
    """Make the system call `number`, which `what` names, and return its result.

    Raises:
        SandboxError: it failed.
    """
    return check(libc.syscall(ctypes.c_long(number), *arguments), what)
