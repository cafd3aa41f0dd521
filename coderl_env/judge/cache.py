"""An SQLite file that remembers judgements, so that the same program is not judged twice across runs."""

from __future__ import annotations

import hashlib
import json
import platform
import sqlite3
import threading
from pathlib import Path

from coderl_env.judge.trial import JUDGE_VERSION, Trial
from coderl_env.outcome import Judgement

__all__ = ["VerdictCache", "cache_key"]


class VerdictCache:
    """Judgements by key, shared by the threads of one process and safe to share between processes.

    Args:
        path: the SQLite file, created if it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS judgement (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def get(self, key: str) -> Judgement | None:
        """Return the judgement stored under `key`, or None."""
        with self._lock:
            row = self._connection.execute("SELECT value FROM judgement WHERE key = ?", (key,)).fetchone()
        return None if row is None else Judgement.from_dict(json.loads(row[0]))

    def put(self, key: str, judgement: Judgement) -> None:
        """Store a judgement."""
        text = json.dumps(judgement.to_dict())
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO judgement VALUES (?, ?)", (key, text))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def cache_key(trial: Trial) -> str:
    """Return what a judgement depends on, as a digest: program, tests, limits, rules, versions of judge and Python."""
    problem = trial.problem.to_dict()
    parts = {
        "program": trial.program,
        "problem": {name: problem[name] for name in ("tests", "entry_point", "starter_code", "checker")},
        "limits": repr(trial.limits),
        "comparator": trial.comparator,
        "stop": trial.stop,
        "isolation": trial.isolation,
        "version": JUDGE_VERSION,
        # Another Python compiles and runs other programs.
        "python": platform.python_version(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
