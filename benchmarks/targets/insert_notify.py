"""The peers of a team that use PostgreSQL by hand: `INSERT` and `NOTIFY`, and `LISTEN`."""

import subprocess
import sys
import time

import psycopg

from benchmarks.processes import STOP_SECONDS, BenchError, pinned
from benchmarks.servers.insert_notify import CHANNEL, TABLE
from benchmarks.targets import base
from benchmarks.targets.database import Database
from benchmarks.targets.team import EVERYWHERE

_NEVER_SECONDS = 20.0


class Writers:
    """Writers in processes of their own, each with a connection (``servers/insert_notify.py``)."""

    def __init__(self, database: Database, count: int) -> None:
        """Start so many, and return when they are connected."""
        self._database = database
        self._processes: list[subprocess.Popen[str]] = []
        with database.connect() as connection:
            connection.execute(TABLE)
        command = [sys.executable, "-m", "benchmarks.servers.insert_notify", database.primary.url()]
        with pinned(EVERYWHERE):
            for _ in range(count):
                self._processes.append(
                    subprocess.Popen(
                        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                    )
                )
        self._await()

    def write(self, count: int) -> float:
        """Store so many events, shared equally; return the seconds."""
        began = time.perf_counter()
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{count // len(self._processes)}\n")
            process.stdin.flush()
        self._await()
        return time.perf_counter() - began

    def _await(self) -> None:
        for process in self._processes:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise BenchError("a writer of the bare loop ended")

    def stop(self) -> None:
        """End them."""
        for process in self._processes:
            process.communicate(timeout=STOP_SECONDS)


class Listener:
    """One connection that notifies and commits, and one that listens, in this process."""

    def __init__(self, database: Database) -> None:
        """Connect."""
        self._writes = psycopg.connect(database.primary.url(), autocommit=True)
        self._listens = psycopg.connect(database.primary.url(), autocommit=True)
        self._writes.execute(TABLE)
        self._listens.execute(f"LISTEN {CHANNEL}")
        self._body = base.event(base.mark(0, 0)).decode()

    def notified(self) -> float:
        """Return the seconds from `NOTIFY` to the connection that listens."""
        began = time.perf_counter()
        self._writes.execute(f"NOTIFY {CHANNEL}")
        self._hear()
        return time.perf_counter() - began

    def committed(self) -> float:
        """Return the seconds of one commit of an event."""
        began = time.perf_counter()
        self._writes.execute("INSERT INTO bare_events (body) VALUES (%s)", [self._body])
        return time.perf_counter() - began

    def _hear(self) -> None:
        for _ in self._listens.notifies(timeout=_NEVER_SECONDS, stop_after=1):
            return
        raise BenchError("PostgreSQL lost a notification")

    def stop(self) -> None:
        """Disconnect."""
        self._writes.close()
        self._listens.close()
