"""The folder that a zygote's programs run in: in memory, locked while it is used, removed with what others left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

__all__ = ["Box"]

_PREFIX = "coderl-box-"
# A folder that is younger may be about to be locked.
_SETTLED_SECONDS = 60.0


class Box:
    """A folder of one zygote. Where a trainer was killed its folders stay: the next box of the user removes them.

    Attributes:
        path: of the folder.
    """

    def __init__(self) -> None:
        parent = _memory_folder() or tempfile.gettempdir()
        _remove_abandoned(parent)
        self.path = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
        # Held by this process alone, and by those forked from it: the kernel lets go of it when they are gone.
        self._lock = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_abandoned(parent: str) -> None:
    """Remove the folders in `parent` that nobody holds any more."""
    for folder in Path(parent).glob(f"{_PREFIX}*"):
        # Others' folders cannot be opened; those of a process that ends now disappear.
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _SETTLED_SECONDS:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _memory_folder() -> str | None:
    """Return a folder in memory, where making and removing directories costs least, or None."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
