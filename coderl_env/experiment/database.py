"""SQLite files with a version: opened, checked, and their faults turned into the system's errors.

Not here: what is in them (`coderl_env.experiment.store`, `coderl_env.experiment.sweep.store`).
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["open_database", "storable_text", "system_errors"]

_WAIT_SECONDS = 30

_SYSTEM_ERRORS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.ENOENT,
    sqlite3.SQLITE_PERM: errno.EACCES,
}


def open_database(path: Path, kind: str, version: int, schema: str, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection to the file at `path`, which is created with `schema` where there is none.

    The connection may be used from several threads, one at a time. The file is in WAL mode: one writer, any number of
    readers.

    Args:
        path: the SQLite file.
        kind: what such a file is called in messages, such as `sample store`.
        version: the version of the schema; kept in the file.
        schema: statements that make the tables.
        read_only: open an existing file for reading.

    Raises:
        ValueError: the file is none of this kind, or one of another version.
        OSError: the file cannot be opened or created.
    """
    address = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    with system_errors(kind, path):
        connection = sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS, check_same_thread=False)
    try:
        found = _prepare(connection, path, kind, version, schema, read_only=read_only)
        if found != version:
            raise ValueError(
                f"{path} is a store of version {found}, this coderl-env reads version {version}; "
                "read it with the coderl-env that wrote it, or name another folder"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(
    connection: sqlite3.Connection, path: Path, kind: str, version: int, schema: str, *, read_only: bool
) -> int:
    """Make the tables where there are none, and return the version that the file has."""
    try:
        with system_errors(kind, path):
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if found == 0 and tables == 0 and not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(f"BEGIN; {schema} PRAGMA user_version = {version}; COMMIT;")
                found = version
            # A lost power supply may lose the last transactions, but never damages a WAL file.
            connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path} is no {kind} ({error}); move it away or name another folder") from error
    return found


@contextmanager
def system_errors(kind: str, path: Path) -> Iterator[None]:
    """Raise the `OSError` that an `sqlite3.OperationalError` of the block stands for, with the path it is about."""
    try:
        yield
    except sqlite3.OperationalError as error:
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
        raise OSError(_SYSTEM_ERRORS.get(primary, errno.EIO), f"{kind}: {error}", str(path)) from error


def storable_text(text: str) -> str:
    """Return `text` with lone surrogates, which SQLite cannot store, as escapes; a program may hold them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
