"""The connections that read, so that a long replay delays neither the writer nor a short look-up.

A connection is asked which database it leads to before it reads: after a failover that may still be
the old primary (``following.py``).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from crewai_hitl_nb.store.postgres import pool_lines
from crewai_hitl_nb.store.postgres.connections import Session, Target, WrongDatabase, prepare
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable
from crewai_hitl_nb.store.postgres.following import Following
from crewai_hitl_nb.store.postgres.pool_lines import POOL_NAME, READER_NAME
from crewai_hitl_nb.store.postgres.watchdog import Watchdog

READERS: Final = 4
"""Connections that read: a long replay does not delay a short look-up."""

_READ_SECONDS: Final = 10.0
"""How long a read waits for a connection."""

_RECONNECT_SECONDS: Final = 3.0
"""For how long the pool doubles the pauses between its attempts to connect, before it begins anew.
With its default of five minutes, an outage of reading lasted up to twice as long as the database's.
"""

T = TypeVar("T")


class Readers:
    """See the module.

    Args:
        target: Where to read.
        following: Knows which database is the right one.
        watchdog: Ends a connection that does not answer.
    """

    def __init__(self, target: Target, following: Following, watchdog: Watchdog) -> None:
        self._target = target
        self._following = following
        self._watchdog = watchdog
        self._pool = ConnectionPool(
            target.conninfo,
            min_size=1,
            max_size=READERS,
            open=False,
            timeout=_READ_SECONDS,
            name=POOL_NAME,
            kwargs={"autocommit": True},
            configure=self._prepare,
            reconnect_timeout=_RECONNECT_SECONDS,
            reconnect_failed=ConnectionPool.check,  # try again for the readers that wait
        )
        pool_lines.silence()
        self.threads = ThreadPoolExecutor(READERS, thread_name_prefix=READER_NAME)
        self._recognized = WeakKeyDictionary[psycopg.Connection[TupleRow], str]()

    def open(self) -> None:
        """Connect in the background."""
        self._pool.open()

    def close(self) -> None:
        """Wait for the reads that are under way, and close the connections."""
        self.threads.shutdown()
        self._pool.close()

    @property
    def statistics(self) -> dict[str, int]:
        """What the pool counts (psycopg_pool, "Pool stats")."""
        return self._pool.get_stats()

    async def read(self, look: Callable[[Session], T], seconds: float | None = None) -> T:
        """Call a function with a session, on a thread of its own.

        Args:
            look: The function.
            seconds: How long it may take; None for the watchdog's time.

        Raises:
            StoreUnavailable: The database cannot be read, or does not answer in this time.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.threads, self._look, look, seconds)
        except NO_ANSWER as error:
            raise unavailable("cannot read", self._target, error) from error

    def _prepare(self, connection: psycopg.Connection[TupleRow]) -> None:
        with self._watchdog.watching(Session(connection, self._target.schema)):
            prepare(connection)

    def _look(self, look: Callable[[Session], T], seconds: float | None) -> T:
        for _ in range(READERS + 1):  # each that the pool has may be broken
            with self._pool.connection() as connection:
                log = Session(connection, self._target.schema)
                try:
                    with self._watchdog.watching(log, seconds):
                        self._recognize(log)
                        return look(log)
                except WrongDatabase:
                    log.close()  # the pool makes another one
                    raise
                except psycopg.OperationalError:
                    if log.was_shut_down or not log.is_broken:
                        raise
                    # It was from before the database was restarted, and the pool drops it.
        raise psycopg.OperationalError("the connections to the database break")

    def _recognize(self, log: Session) -> None:
        """Refuse a connection that leads to another log than the one that is followed.

        It is asked of each new connection, and again when the log got a new epoch: the connection
        may be to the primary of before.
        """
        epoch = self._following.seen.epoch
        if self._recognized.get(log.connection) == epoch:
            return
        self._following.recognize_log(log)
        self._recognized[log.connection] = epoch
