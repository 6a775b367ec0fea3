"""Follows the end of a log that other servers write as well.

A notification is a hint and the table is the truth: notifications are lost when the connection
that listens breaks, and behind a pooler there may be none. So the log's end is looked at once a
second as well, and whatever is new is read in pages and announced.
"""

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime, timezone
from multiprocessing.connection import wait
from typing import Any, Final

import psycopg

from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.store.base import Commit, Record
from crewai_hitl_nb.store.damage import DamagedRow
from crewai_hitl_nb.store.postgres.announcer import Announcer
from crewai_hitl_nb.store.postgres.connections import Session, Target
from crewai_hitl_nb.store.postgres.history import SEAL_AT, FellBehind, Seen, check
from crewai_hitl_nb.store.postgres.reading import sendable
from crewai_hitl_nb.store.postgres.watchdog import Watchdog
from crewai_hitl_nb.store.rows import decoded

CHANNEL: Final = "crewai_hitl"
"""The channel of the notifications; the payload is the schema of the log."""

NOTIFY: Final = (
    # Not in the transaction that appends, and without a flush: see appending.py.
    "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%(channel)s, %(schema)s)"
)

_LOOK_SECONDS: Final = 1.0
"""How often to look without a notification."""

_PAGE: Final = 500
"""Events in one page: as many as may be delivered without blocking the loop for long."""

_PAGE_SQL: Final = f"""
    SELECT events."offset", events.event_id, events.type, events.execution_id, events.crew_id,
        events.body, events.seal, requests.asked_by, ({SEAL_AT})
    FROM log.events LEFT JOIN log.requests ON requests.asked_at = events."offset"
    WHERE events."offset" > %(after)s ORDER BY events."offset" LIMIT %(limit)s
"""  # noqa: S608 - constants only

_log = logger(__name__)


def read_page(log: Session, announcer: Announcer, seen: Seen) -> tuple[Head | None, bool]:
    """Read and announce the next events that are not known yet.

    Returns the last place, if there were any, and whether there may be more.

    A page is complete up to its last event, because the order of offsets is that of commits. It
    follows what this server has seen only if that is in the log still: after a database went back
    in time, other events may have the offsets of those that were lost.

    Raises:
        FellBehind: Some of them were pruned before this server had read them.
        HistoryLost: The log does not have what this server has seen.
    """
    beginning, after = announcer.position
    values = {"after": after, "limit": _PAGE, "offset": seen.head.offset}
    rows = log.execute(_PAGE_SQL, values).fetchall()
    if not rows:
        return None, False
    last, seal, known = rows[-1][0], rows[-1][6], rows[-1][-1]
    if seen.head.offset and known != seen.head.seal:
        check(log, seen)  # says which it is
        raise FellBehind
    if last - after != len(rows):
        raise FellBehind
    announcer.add(beginning, after, last, [_commit(log, row) for row in rows])
    return Head(last, seal), len(rows) == _PAGE


def _commit(log: Session, row: tuple[Any, ...]) -> Commit:
    *columns, _, asked_by, _ = row
    record = sendable(log, Record(*columns))
    try:
        event = decoded(record.body)
    except DamagedRow:  # readers get the record; it is about no request
        event = UnknownEvent(
            type=record.type,
            event_id=record.event_id,
            timestamp=datetime.now(timezone.utc),
            execution_id=record.execution_id,
            crew_id=record.crew_id,
            offset=record.offset,
        )
    return Commit(record, event, asked_by, own=False)


class Tail:
    """Follows the log on a thread of its own, until it is closed.

    Args:
        target: Where to read.
        listen: Where to listen for notifications: the same, or past a pooler that has none.
        read: Reads and announces the next events; returns whether there may be more.
        check: Called about once a second with the session, to compare the log with what is known.
        failed: Called with an error of the database; the thread tries again after a pause. A
            connection that is lost is no error: another one is made at once.
        watchdog: Ends a connection that does not answer.
        own_process: The database's process that writes, and notifies, for this server. What it
            wrote is known here.
    """

    def __init__(
        self,
        target: Target,
        listen: Target,
        read: Callable[[Session], bool],
        check: Callable[[Session], None],
        failed: Callable[[Exception], None],
        watchdog: Watchdog,
        own_process: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._own_process = own_process
        self._target = target
        self._listen = listen
        self._read = read
        self._check = check
        self._failed = failed
        self._watchdog = watchdog
        self._closed = False
        self._works = False
        self._wake_up, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="hitl-tail", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def look(self) -> None:
        """Look now; callable from any thread."""
        with suppress(OSError):  # closed, or so many wake-ups that one more does not matter
            self._wake_up.send(b"!", socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Stop following; return when the thread has ended."""
        self._closed = True
        self.look()
        if self._thread.ident is not None:  # it was started
            self._thread.join()
        self._wake_up.close()
        self._woken.close()

    # ---- on the thread

    def _run(self) -> None:
        while not self._closed:
            try:
                self._works = False
                self._follow()
            except (psycopg.Error, DamagedRow) as error:  # noqa: PERF203 - once a second
                if self._works:
                    continue
                self._failed(error)
                self._wait(None, random.uniform(0.5, 1.0) * _LOOK_SECONDS)  # noqa: S311 - not a secret
            except Exception as error:  # noqa: BLE001 - readers wait for what it reads
                note_fault(_log, "tail_failed", error)
                self._wait(None, _LOOK_SECONDS)

    def _follow(self) -> None:
        watching = self._watchdog.watching
        with (
            closing(self._listen.connect(watching)) as listening,
            closing(self._target.connect(watching)) as log,
        ):
            with watching(listening):
                listening.connection.execute(f"LISTEN {CHANNEL}")
            checked = 0.0
            while not self._closed:
                with self._watchdog.watching(log):
                    if time.monotonic() > checked + _LOOK_SECONDS:
                        checked = time.monotonic()
                        self._check(log)
                    more = self._read(log)
                self._works = True
                if more:
                    continue
                self._wait(listening, _LOOK_SECONDS)

    def _wait(self, listening: Session | None, seconds: float) -> None:
        """Wait for another server's notification, for :meth:`look`, or for the time to pass."""
        watched: list[Any] = [self._woken]
        if listening is not None:
            watched.append(listening.connection)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ready = wait(watched, left)
            if self._woken in ready:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
                return
            if listening is not None and self._is_news(listening):
                return

    def _is_news(self, listening: Session) -> bool:
        """Take the notifications that came; return whether another server wrote this log."""
        news = False
        for notification in listening.connection.notifies(timeout=0):
            of_this_log = notification.payload == listening.schema
            news |= of_this_log and notification.pid != self._own_process()
        return news
