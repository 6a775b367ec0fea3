"""Faults of a disk, made so that SQLite meets them as it would the real ones, and removed again.

None needs root. A cap on a connection's pages is SQLite's own "database or disk is full"; a
limit on a process's files is the operating system's refusal to write; a connection that may
only query refuses as one on a read-only disk does; and the lock is another process's.
"""

import contextlib
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from crewai_hitl_nb.store.sqlite.store import SqliteStore

_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


class FaultyStore(SqliteStore):
    """The store as it is, with a hand on the connection that writes."""

    def __init__(self, path: Path, pages: int | None = None) -> None:
        """Open the store; ``pages`` is the most that its file may have."""
        super().__init__(path)
        self._connections: list[sqlite3.Connection] = []
        self._pages = pages

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        self._connections.append(connection)  # the writer's is the first
        if self._pages is not None:
            self.pragma(f"max_page_count = {self._pages}")
        return connection

    def pragma(self, words: str) -> None:
        """Change the connection that writes; nothing may be on its way to it."""
        self._connections[0].execute(f"PRAGMA {words}").fetchall()

    def asked(self, words: str) -> object:
        """Return what that connection says to a pragma."""
        return self._connections[0].execute(f"PRAGMA {words}").fetchone()[0]

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Let the file have no more pages than it has."""
        self.pragma("max_page_count = 1")  # SQLite takes the present number, which is more
        yield
        self.pragma("max_page_count = 1073741823")

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Let it write nothing."""
        self.pragma("query_only = 1")
        yield
        self.pragma("query_only = 0")


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process holds the file for itself, as a backup or a database browser may."""
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        yield
        other.stdin.close()


@contextlib.contextmanager
def no_space(pid: int, path: Path) -> Iterator[None]:
    """Let no file of that process grow beyond what the log's files are now."""
    largest = max(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
