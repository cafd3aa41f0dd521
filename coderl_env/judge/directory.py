"""What a program leaves in its private directory: how much it is, and how it is removed.

Loaded by path into the judge's small processes; standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os

_MAX_FILES = 1000
_MAX_FILE_BYTES = 64 << 20


def holds_too_much(directory: str) -> bool:
    """Whether a private directory has more files or bytes than a program may leave."""
    count = size = 0
    pending = [directory]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EACCES):
                return True  # no honest program hides its files where no path reaches, or from its own user
            continue
        for entry in entries:
            count += 1
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            else:
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_size
            if count > _MAX_FILES or size > _MAX_FILE_BYTES:
                return True
    return False


def empty(directory: str) -> bool:
    """Remove everything in the private directory, however deep: folders inside are moved up before they are emptied.

    Returns:
        Whether it was more than a program may leave, or hidden from its own user; a program that is over before anybody
        looks at its files is judged like any other.
    """
    pending = [directory]
    count = size = 0
    hidden = False
    while pending:
        current = pending.pop()
        for entry in list(os.scandir(current)):
            count += 1
            status = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                # A program may have made it so that nobody may look inside.
                hidden = hidden or status.st_mode & 0o700 != 0o700
                os.chmod(entry.path, 0o700)
                # A name that no program can have taken.
                target = f"{directory}/{os.urandom(8).hex()}"
                os.rename(entry.path, target)
                pending.append(target)
            else:
                size += status.st_size
                os.unlink(entry.path)
        if current != directory:
            os.rmdir(current)
    return hidden or count > _MAX_FILES or size > _MAX_FILE_BYTES
