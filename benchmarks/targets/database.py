"""PostgreSQL for one run of a program: a scratch cluster that survives a power failure.

Unlike in the databases of the tests, ``fsync`` and ``synchronous_commit`` are on. Above it are the
servers of a team and the peers that write the same database; nothing pins it to a core.
"""

import time
from contextlib import ExitStack

import psycopg

from benchmarks.processes import BenchError, cpu_seconds
from examples.team.database import run
from examples.team.programs import DemoError
from tests import postgres

_CATCH_UP_SECONDS = 30.0
_DURABLE = {"fsync": "on"}


class Database:
    """A running cluster."""

    def __init__(self, *, followed: bool = False) -> None:
        """Start it.

        Args:
            followed: Whether a streaming standby follows it.

        Raises:
            BenchError: PostgreSQL is not installed, or does not start.
        """
        self._stack = ExitStack()
        self._crashed = False
        try:
            self.primary = self._stack.enter_context(postgres.cluster(_DURABLE))
            self.standby = (
                self._stack.enter_context(postgres.standby(self.primary)) if followed else None
            )
        except DemoError as error:
            self._stack.close()
            raise BenchError(str(error)) from None
        except BaseException:
            self._stack.close()
            raise

    def log(self, name: str) -> str:
        """Return the URL of a log of this name."""
        url = self.primary.url(schema=name)
        if self.standby is None:
            return url
        return url.replace("/postgres?", f",127.0.0.1:{self.standby.port}/postgres?")

    def connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection as a program would make one."""
        return psycopg.connect(self.primary.url())

    def cpu_seconds(self) -> float:
        """Return the processor time of all its processes that live."""
        return cpu_seconds(self.primary.pid)

    def await_standby(self) -> None:
        """Return when the standby has all that the primary has committed so far.

        Raises:
            BenchError: It does not catch up.
        """
        assert self.standby is not None
        with self.connect() as primary, psycopg.connect(self.standby.url()) as standby:
            row = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
            until = time.monotonic() + _CATCH_UP_SECONDS
            while time.monotonic() < until:
                reached = standby.execute("SELECT pg_last_wal_replay_lsn() >= %s", row).fetchone()
                if reached == (True,):
                    return
                time.sleep(0.01)
        raise BenchError("the standby does not follow the primary")

    def fail_over(self) -> None:
        """Let the primary crash, and make the standby the primary."""
        assert self.standby is not None
        self.primary.stop("immediate")
        self._crashed = True
        run("pg_ctl", "promote", "-D", self.standby.data)

    def stop(self) -> None:
        """End it and remove its files."""
        if self._crashed:
            self.primary.start()  # so that its owner can stop it
        self._stack.close()
