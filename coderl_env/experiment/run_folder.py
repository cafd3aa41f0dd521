"""The folder of one run: configuration, metrics, samples, checkpoints, results. The same command again resumes it.

A run folder holds `config.json`, `metrics.jsonl`, `samples.sqlite`, `stages.json` (results of finished stages),
`checkpoints/`, `summary.json`, `tensorboard/` where that is installed, and what `coderl_env.experiment.report` adds.
Files are written whole or not at all; metrics are appended line by line, and a line cut short by a crash is dropped
when the folder is opened again.

    RunFolderError (ValueError)     the folder cannot be used for this run: other configuration, in use, not a run
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from coderl_env.experiment.events import Events, open_events
from coderl_env.experiment.store import SampleStore
from coderl_env.version import VERSION

__all__ = ["FOLDER_FORMAT", "RunFolder", "RunFolderError", "read_config", "read_metrics", "take_lock", "write_whole"]

FOLDER_FORMAT = 1
_LOCK_NAME = ".lock"


class RunFolderError(ValueError):
    """The folder cannot be used for this run; the message says why and what to do."""


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` such that the file is either the old one or the new one, whatever happens.

    Raises:
        OSError: it cannot be written; then nothing is left behind.
    """
    path = Path(path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class RunFolder:
    """A run's folder, open for writing by this process alone. Make one with `RunFolder.open`.

    Attributes:
        path: the folder.
        checkpoints: its folder of checkpoints; what lies in it is the agent's business.
        config: the configuration, as JSON values.
        resumed: whether the folder was there before.
    """

    def __init__(self, path: Path, config: Mapping[str, Any], lock: IO[str], *, resumed: bool) -> None:
        self.path = path
        self.config = config
        self.resumed = resumed
        self.checkpoints = path / "checkpoints"
        self.checkpoints.mkdir(exist_ok=True)
        self._lock = lock
        self._samples: SampleStore | None = None
        self._events: Events | None = None
        metrics = path / "metrics.jsonl"
        _drop_cut_line(metrics)
        # Unbuffered: a line that cannot be written must be known at once, not when the file is closed.
        self._metrics = metrics.open("ab", buffering=0)

    @classmethod
    def open(cls, path: Path | str, config: Mapping[str, Any]) -> RunFolder:
        """Create the run folder at `path`, or resume it where it was begun with an equal configuration.

        Args:
            path: the folder; missing parents are created.
            config: JSON values; tuples become lists.

        Raises:
            RunFolderError: the folder belongs to a run with another configuration or to something else, or another
                process is using it.
            ValueError: the configuration holds something that JSON cannot.
            OSError: the folder cannot be created or written.
        """
        folder = Path(path)
        wanted = _as_json(config)
        if folder.exists() and not folder.is_dir():
            raise RunFolderError(f"{folder} is a file; name a folder for the run")
        stored = _stored_config(folder)
        if stored is not None:
            _check_same(folder, stored, wanted)
        folder.mkdir(parents=True, exist_ok=True)
        lock = take_lock(folder)
        try:
            if stored is None:
                record = {"format": FOLDER_FORMAT, "version": VERSION, "created": time.time(), "config": wanted}
                write_whole(folder / "config.json", _dump(record))
            return cls(folder, wanted, lock, resumed=stored is not None)
        except BaseException:
            lock.close()
            raise

    @property
    def samples(self) -> SampleStore:
        """The store of judged programs, opened on first use."""
        if self._samples is None:
            self._samples = SampleStore(self.path / "samples.sqlite")
        return self._samples

    def log(self, stage: str, step: int, figures: Mapping[str, float]) -> None:
        """Append figures of one step to `metrics.jsonl`, as null where they are not finite; TensorBoard gets them too.

        Raises:
            ValueError: a figure is called `stage`, `step` or `time`.
            OSError: the line cannot be written; then no part of it is left.
        """
        line: dict[str, Any] = {"stage": stage, "step": step, "time": round(time.time(), 3)}
        for name, value in figures.items():
            if name in ("stage", "step", "time"):
                raise ValueError(f"a figure cannot be called {name!r}; every line of metrics has that field already")
            number = float(value)
            line[name] = number if math.isfinite(number) else None
        _append_whole(self._metrics, (json.dumps(line) + "\n").encode())
        if self._events is None:
            self._events = open_events(self.path)
        self._events.add(stage, step, figures)

    def metrics(self, stage: str | None = None) -> list[dict[str, Any]]:
        """Return one line per stage and step, in order; of a figure logged twice for a step, the later value counts."""
        return read_metrics(self.path, stage)

    def write_json(self, name: str, value: object) -> Path:
        """Write `value` as JSON to the file `name`, whole or not at all, and return its path.

        Raises:
            ValueError: JSON cannot hold the value.
            OSError: it cannot be written.
        """
        target = self.path / name
        write_whole(target, _dump(_as_json(value)))
        return target

    def stage_state(self, name: str) -> dict[str, Any] | None:
        """Return the result of the finished stage `name`, or None where it has to be run."""
        result = self._stages().get(name)
        return None if result is None else dict(result)

    def finish_stage(self, name: str, result: Mapping[str, Any]) -> None:
        """Record that the stage `name` is finished, with its result as JSON values."""
        self.write_json("stages.json", {**self._stages(), name: dict(result)})

    def discard_unused(self) -> None:
        """Close the folder, and remove it where nothing but its configuration was ever written."""
        empty = ("metrics.jsonl", "samples.sqlite-wal")
        names = {"config.json", _LOCK_NAME, *(name for name in empty if _is_empty(self.path / name))}
        self.close()
        if not any(self.checkpoints.iterdir()) and {item.name for item in self.path.iterdir()} <= {
            *names,
            "checkpoints",
        }:
            for name in names:
                (self.path / name).unlink(missing_ok=True)
            self.checkpoints.rmdir()
            self.path.rmdir()

    def close(self) -> None:
        """Close all files and let other processes use the folder; calling it twice is legal."""
        self._metrics.close()
        if self._events is not None:
            self._events.close()
            self._events = None
        if self._samples is not None:
            self._samples.close()
        self._lock.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stages(self) -> dict[str, Any]:
        file = self.path / "stages.json"
        if not file.exists():
            return {}
        stages: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return stages


def _append_whole(file: io.FileIO, data: bytes) -> None:
    """Append `data`, or nothing: on a full disk the system may write a part and then fail."""
    before = os.fstat(file.fileno()).st_size
    try:
        written = file.write(data)
        while written < len(data):
            written += file.write(data[written:])
    except OSError:
        os.ftruncate(file.fileno(), before)
        raise


def _is_empty(file: Path) -> bool:
    return file.exists() and file.stat().st_size == 0


def read_metrics(folder: Path, stage: str | None = None) -> list[dict[str, Any]]:
    """Return the figures in a folder's `metrics.jsonl`, of one stage or all, one line per step.

    A step may be logged in parts, and a resumed stage logs again what it repeats: of a figure the last value counts.
    """
    lines: dict[tuple[str, int], dict[str, Any]] = {}
    for line in _whole_lines(folder / "metrics.jsonl"):
        record = json.loads(line)
        if stage is None or record["stage"] == stage:
            key = record["stage"], record["step"]
            lines[key] = {**lines.get(key, {}), **record}
    return list(lines.values())


def _whole_lines(file: Path) -> Iterator[str]:
    if not file.exists():
        return
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            # A line without its end is still being written, or was cut short.
            if line.endswith("\n"):
                yield line


def _drop_cut_line(file: Path) -> None:
    """Cut off a last line that has no end: what a crash left of it is no record."""
    if not file.exists():
        return
    data = file.read_bytes()
    if data and not data.endswith(b"\n"):
        write_whole(file, data[: data.rfind(b"\n") + 1])


def read_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of the run in `folder`.

    Raises:
        RunFolderError: there is no run.
    """
    config = _stored_config(folder)
    if config is None:
        raise RunFolderError(f"there is no run in {folder}; check the path")
    return config


def _stored_config(folder: Path) -> dict[str, Any] | None:
    """Return the stored configuration, or None where a run may begin."""
    if not folder.exists():
        return None
    file = folder / "config.json"
    if not file.exists():
        # Our own hidden files may be all that a run killed in its first moments left.
        others = sorted(item.name for item in folder.iterdir() if not item.name.startswith("."))
        if others:
            raise RunFolderError(
                f"{folder} holds {others[0]!r} but no config.json, so it is no run; name another folder"
            )
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        found, config = record["format"], dict(record["config"])
    except (ValueError, KeyError, TypeError):
        raise RunFolderError(f"{file} is not the configuration of a run; name another folder") from None
    if found != FOLDER_FORMAT:
        raise RunFolderError(
            f"{folder} has format {found!r}, this coderl-env writes {FOLDER_FORMAT}; name another folder"
        )
    return config


def _check_same(folder: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    missing = object()
    names = [name for name in {**stored, **wanted} if stored.get(name, missing) != wanted.get(name, missing)]
    if not names:
        return
    changes = ", ".join(
        f"{name} is {json.dumps(stored.get(name))} there and {json.dumps(wanted.get(name))} here" for name in names[:5]
    )
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    raise RunFolderError(
        f"{folder} holds a run with other settings ({changes}{more}); use those or name another folder"
    )


def take_lock(folder: Path) -> IO[str]:
    """Hold the folder until the returned file is closed; the system lets go when the process dies.

    Raises:
        RunFolderError: another process holds it.
    """
    lock = (folder / _LOCK_NAME).open("a", encoding="utf-8")
    try:
        import fcntl
    except ImportError:  # Windows: SQLite's own lock has to do.
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise RunFolderError(f"another process is using {folder}; wait for it or name another folder") from None
    return lock


def _as_json(value: object) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"a run's records must be JSON values: {error}") from None


def _dump(value: object) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
