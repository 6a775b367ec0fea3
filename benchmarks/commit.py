"""The cost of one durable commit here and now: SQLite, WAL, FULL, one event a transaction."""

import sqlite3
import statistics
import time
from pathlib import Path

from benchmarks.targets import base

_COMMITS = 20


class CommitClock:
    """A log of its own that is committed to, one event at a time."""

    def __init__(self, folder: Path) -> None:
        """Open it."""
        self._db = sqlite3.connect(folder / "commit.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE log (place INTEGER PRIMARY KEY, body BLOB)")

    def median(self) -> float:
        """Return the median seconds of a few commits."""
        body = base.event(base.mark(0, 0))
        return statistics.median(self._one(body) for _ in range(_COMMITS))

    def _one(self, body: bytes) -> float:
        began = time.perf_counter()
        self._db.execute("INSERT INTO log (body) VALUES (?)", [body])
        return time.perf_counter() - began

    def stop(self) -> None:
        """Close it."""
        self._db.close()
