"""The durable store: one SQLite file in WAL mode, written by one thread.

The writer drains its queue into one transaction (group commit), so that many publishers
share one sync to the disk, and wakes the event loop once per commit. ``synchronous=FULL``
makes a commit survive a power failure; nothing is announced before it. Readers have
their own connections and threads and never wait for the writer.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import filelock

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store import relocation
from crewai_hitl_nb.store.base import (
    Appended,
    Condition,
    KeyScope,
    Match,
    OnCommit,
    OnReset,
    Record,
    Replayed,
    RequestPage,
    RequestQuery,
    Scope,
    StoreInUse,
    announce,
)
from crewai_hitl_nb.store.coordination import Tenure
from crewai_hitl_nb.store.file_ownership import NO_LINK, ForeignFile, refuse_foreign
from crewai_hitl_nb.store.group_writer import GroupWriter, Job, commits_of
from crewai_hitl_nb.store.histograms import CommitFigures
from crewai_hitl_nb.store.relocation import OutOfService
from crewai_hitl_nb.store.rows import Batch
from crewai_hitl_nb.store.sqlite import bulk_append, reading, schema, writer
from crewai_hitl_nb.store.sqlite.errors import NO_ANSWER, refuse_emptied, unavailable
from crewai_hitl_nb.store.sqlite.files import SqliteFiles
from crewai_hitl_nb.store.trail import Tail, TrailPage

_READERS: Final = 2
"""Reader threads: a long replay does not delay a short look-up."""

_BUSY_MILLISECONDS: Final = 5000
"""How long SQLite waits for a lock, such as a backup tool's."""

_TRY_SECONDS: Final = 5.0
"""Pause after a refused write before the store tries whether one succeeds again."""

_TRIED: Final = "tried"
"""The document with which it tries; it is never left."""

T = TypeVar("T")


class SqliteStore:
    """One SQLite file; see ``base.Store`` and ``metadata.Metadata`` for its guarantees."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Name the file; :meth:`start` opens it.

        Args:
            path: The database. Its folder is created, readable by this user only.
            clock: Unix time, for retention by age.
        """
        self.path = path
        self.epoch = ""
        self.top = 0
        self.pruned_through = 0
        self.coordination = None
        self.refusal = ""
        self._chain = ""
        self._clock = clock
        self._writer = GroupWriter(
            path, self._commit, self._announce, self._unavailable, self._try_again
        )
        self.files = SqliteFiles(path, self._writer, self._read, clock)
        self._refused = 0.0
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="hitl-read")
        self._reader = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._lock = filelock.FileLock(f"{path}.lock", thread_local=False)
        self._connection: sqlite3.Connection | None = None
        self._tail = Tail(chain.start(""))
        self._on_commit: OnCommit = lambda commits: None

    @property
    def outage(self) -> str:
        """Why the last write was refused; blank once a write succeeds."""
        return self._writer.outage

    @property
    def figures(self) -> CommitFigures:
        """Durations, sizes and failures of its commits."""
        return self._writer.figures

    async def start(
        self,
        on_commit: OnCommit,
        on_reset: OnReset = lambda: None,
    ) -> None:
        """Open the file, bring its schema up to date and start the writer.

        Raises:
            StoreUnavailable: Another server holds it, or it cannot be read or written.
        """
        self._on_commit = on_commit
        opening = asyncio.get_running_loop().run_in_executor(self._readers, self._open)
        self._connection = await opening
        self._writer.start()

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The files that SQLite reads beside the database are checked as well.
            for beside in ("", "-wal", "-shm", "-journal", ".lock"):
                refuse_foreign(Path(f"{self.path}{beside}"))
            self._lock.acquire(timeout=0)
            refuse_emptied(self.path)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600))
            return self._prepare(self._connect())
        except filelock.Timeout:
            raise StoreInUse(
                f"{self.path} belongs to another running server; "
                "stop that server or give this one another path"
            ) from None
        except ForeignFile as error:
            raise StoreUnavailable(f"the log is not opened: {error}") from error
        except (OSError, schema.NotOurs, OutOfService, *NO_ANSWER) as error:
            self._lock.release()
            raise unavailable("cannot open", self.path, error) from error

    def _prepare(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        try:
            schema.upgrade(connection)  # first: it refuses a foreign file, and the next line writes
            meta = reading.load_meta(connection)
            relocation.refuse(meta.mark)
            connection.execute("PRAGMA journal_mode = WAL")
            self.epoch, self.top, self.pruned_through = meta.epoch, meta.top, meta.pruned_through
            self._chain = meta.chain
            self._tail = Tail(Head(self.top, reading.head(connection, meta.chain).seal))
        except (schema.NotOurs, OutOfService, *NO_ANSWER):
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=_BUSY_MILLISECONDS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    # ---- writing

    async def reached(self, offset: int) -> None:
        """Do nothing: an offset that a reader knows is announced."""

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        """Store the events together, in order."""
        return await self._append(Batch(events, self._clock(), by, condition=condition))

    async def append_scoped(
        self, events: Sequence[Event], key_scope: KeyScope, *, by: str | None = None
    ) -> list[Appended]:
        """Store the events if a caller with this scope may write them."""
        return await self._append(Batch(events, self._clock(), by, key_scope))

    async def _append(self, batch: Batch) -> list[Appended]:
        return (await self._writer.append(batch)).results

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many."""

        def run(connection: sqlite3.Connection) -> writer.Pruned:
            return writer.prune(connection, keep=keep, before=before, top=self._tail.head.offset)

        pruned = await self._writer.run(run)
        self.pruned_through = max(self.pruned_through, pruned.through)
        return pruned.events

    async def put_metadata(self, name: str, body: bytes, *, tenure: Tenure | None = None) -> None:
        """Write a document, in the same commits as the events."""
        await self._writer.run(lambda c: writer.put_metadata(c, name, body))

    async def put_metadata_once(self, name: str, body: bytes) -> bytes:
        """Write a document unless there is one; return the one that is kept."""
        return await self._writer.run(lambda c: writer.put_metadata_once(c, name, body))

    async def delete_metadata(self, name: str, *, tenure: Tenure | None = None) -> None:
        """Delete a document."""
        await self._writer.run(lambda c: writer.delete_metadata(c, name))

    def _commit(self, jobs: list[Job]) -> Exception | None:
        """Write the jobs in one transaction; return the error if it failed."""
        connection, written = self._connection, self._tail.head
        assert connection is not None
        refused: Exception | None = None
        try:
            connection.execute("BEGIN IMMEDIATE")
            if not self._run_together(connection, jobs):
                for job in jobs:
                    refused = self._run(connection, job) or refused
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the writer must outlive it: callers wait for it
            # No event of the batch is in the log: every caller gets the error.
            self._tail.move_back(written)
            with contextlib.suppress(sqlite3.Error):  # then the next batch is refused as well
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            for job in jobs:
                job.error = self._unavailable(error)
            refused = error
        if refused is not None:
            self._refused = time.monotonic()
        return refused

    def _try_again(self) -> float | None:
        """Find out whether a write succeeds again; return the seconds until the next attempt.

        Nobody else may write for long, and nobody should have to look whether the server recovered.
        """
        if not self._writer.outage:
            return None
        left = self._refused + _TRY_SECONDS - time.monotonic()
        if left > 0.0:
            return left
        try:
            self._try_writing()
        except sqlite3.Error as error:
            self._refused = time.monotonic()
            self._writer.outage = self._unavailable(error).message
            return _TRY_SECONDS
        self._writer.outage = ""
        return None

    def _try_writing(self) -> None:
        """Make a commit that changes nothing."""
        connection = self._connection
        assert connection is not None
        try:
            connection.execute("BEGIN IMMEDIATE")
            writer.put_metadata(connection, _TRIED, b"")
            writer.delete_metadata(connection, _TRIED)
            connection.execute("COMMIT")
        finally:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _run_together(self, connection: sqlite3.Connection, jobs: list[Job]) -> bool:
        """Write the jobs by the fast path and return True, or write nothing and return False."""
        batches = [job.batch for job in jobs if job.batch is not None and not job.batch.within]
        if len(batches) < len(jobs):
            return False
        written = bulk_append.write(connection, batches, self._tail)
        if not written:
            if connection.in_transaction:  # not after every error: a full disk rolls it back
                connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            return False
        for job, result in zip(jobs, written, strict=True):
            job.result = result
        return True

    def _run(self, connection: sqlite3.Connection, job: Job) -> Exception | None:
        """Write one job; return the error if SQLite refused to write, and not this job only."""
        written, refused = self._tail.head, None
        connection.execute("SAVEPOINT job")
        try:
            if job.batch is not None:
                job.result = writer.append(connection, job.batch, self._tail)
            elif job.run is not None:
                job.result = job.run(connection)
        except Exception as error:  # isolates one append from all others
            if not connection.in_transaction:
                raise  # SQLite rolled back all of the batch, as it does when the disk is full
            job.error = self._unavailable(error) if isinstance(error, NO_ANSWER) else error
            refused = error if isinstance(error, sqlite3.OperationalError) else None
            self._tail.move_back(written)
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")
        return refused

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return unavailable("nothing was stored, cannot write", self.path, error)

    def _announce(self, jobs: list[Job]) -> None:
        """Announce the commits, in offset order, and only then resolve the callers' futures."""
        if commits := commits_of(jobs):
            self.top = commits[-1].record.offset
            announce(self._on_commit, commits)
        for job in jobs:
            job.resolve()

    # ---- reading

    async def read(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> list[Record]:
        """Return the next records in order."""
        return await self._read(
            lambda c: reading.records(c, match, after=after, upto=upto, limit=limit, scope=scope)
        )

    async def replay(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> Replayed:
        """Return the next records and how far the log was pruned, in one snapshot."""
        return await self._read(
            lambda c: reading.replay(c, match, after=after, upto=upto, limit=limit, scope=scope)
        )

    async def offset_of(self, event_id: str) -> int | None:
        """Return the offset of an event."""
        return await self._read(lambda c: reading.offset_of(c, event_id))

    async def request(self, request_id: str) -> Request | None:
        """Return the current state of a request."""
        return await self._read(lambda c: reading.request(c, request_id))

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a listing."""
        return await self._read(lambda c: reading.requests(c, query))

    async def askers(self) -> dict[str, str]:
        """Return who asked the open requests."""
        return await self._read(reading.askers)

    async def trail(self, *, after: int, limit: int) -> TrailPage:
        """Return the next entries of the trail."""
        return await self._read(lambda c: reading.trail(c, self._chain, after=after, limit=limit))

    async def get_metadata(self, prefix: str) -> dict[str, bytes]:
        """Return the documents whose name begins with the prefix."""
        return await self._read(lambda c: reading.metadata(c, prefix))

    async def newest(self) -> float | None:
        """Return when the newest event was stored."""
        return await self._read(reading.newest)

    async def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        if not self._writer.is_open:
            raise StoreUnavailable("the log is closed; the server is starting or stopping")

        def run() -> T:
            connection = getattr(self._reader, "connection", None)
            if connection is None:
                connection = self._reader.connection = self._connect()
                self._open_readers.append(connection)
            return look(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except NO_ANSWER as error:
            raise unavailable("cannot read", self.path, error) from error

    async def close(self) -> None:
        """Finish pending appends and release the file."""
        await self._writer.close()
        self._readers.shutdown()
        for connection in (self._connection, *self._open_readers):
            if connection is not None:
                connection.close()
        self._lock.release()
