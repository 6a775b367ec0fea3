"""The durable store: one SQLite file in WAL mode, written by one thread.

The writer drains its queue into one transaction (group commit), so that many publishers
share one sync to the disk, and wakes the event loop once per commit. ``synchronous=FULL``
makes a commit survive a power failure; nothing is announced before it. Readers have
their own connections and threads and never wait for the writer.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import filelock
import msgspec

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.log_lines import logger, note, note_fault
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.base import (
    Appended,
    Commit,
    KeyScope,
    Match,
    OnCommit,
    Record,
    Replayed,
    RequestPage,
    RequestQuery,
    Scope,
    StoreInUse,
    announce,
)
from crewai_hitl_nb.store.file_ownership import NO_LINK, ForeignFile, refuse_foreign
from crewai_hitl_nb.store.histograms import CommitFigures
from crewai_hitl_nb.store.sqlite import bulk_append, reading, schema, writer
from crewai_hitl_nb.store.sqlite.errors import NO_ANSWER, refuse_emptied, unavailable
from crewai_hitl_nb.store.trail import Tail, TrailPage

_READERS: Final = 2
"""Reader threads: a long replay does not delay a short look-up."""

_BATCH_JOBS: Final = 512
"""The most appends in one commit: bounds how long the first of them waits."""

_BATCH_EVENTS: Final = 1000
"""After this many events a commit takes no further append: their fan-out blocks the loop."""

_BUSY_MILLISECONDS: Final = 5000
"""How long SQLite waits for a lock, such as a backup tool's."""

_log = logger(__name__)

T = TypeVar("T")


class _Job(msgspec.Struct):
    """One call for the writer thread and the future that waits for it.

    ``batch`` is set for an append: several may be written at once (``bulk_append.py``).
    """

    run: Callable[[sqlite3.Connection], object]
    done: asyncio.Future[object]
    batch: writer.Batch | None = None
    result: object = None
    error: Exception | None = None

    @property
    def size(self) -> int:
        """How many events it may write."""
        return 0 if self.batch is None else len(self.batch.events)


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
        self.figures = CommitFigures()
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="hitl-read")
        self._reader = threading.local()
        self._open_readers: list[sqlite3.Connection] = []
        self._lock = filelock.FileLock(f"{path}.lock", thread_local=False)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tail = Tail(chain.start(""))
        self._on_commit: OnCommit = lambda commits: None

    async def start(self, on_commit: OnCommit) -> None:
        """Open the file, bring its schema up to date and start the writer.

        Raises:
            StoreUnavailable: Another server holds it, or it cannot be read or written.
        """
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        connection = await self._loop.run_in_executor(self._readers, self._open)
        self._thread = threading.Thread(
            target=self._write_forever, args=(connection,), name="hitl-write", daemon=True
        )
        self._thread.start()

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
        except (OSError, schema.NotOurs, *NO_ANSWER) as error:
            self._lock.release()
            raise unavailable("cannot open", self.path, error) from error

    def _prepare(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        try:
            schema.upgrade(connection)  # first: it refuses a foreign file, and the next line writes
            connection.execute("PRAGMA journal_mode = WAL")
            self.epoch, self.top, self.pruned_through = reading.load_meta(connection)
            self._tail = Tail(Head(self.top, reading.head(connection, self.epoch).seal))
        except (schema.NotOurs, *NO_ANSWER):
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

    async def append(self, events: Sequence[Event], *, by: str | None = None) -> list[Appended]:
        """Store the events together, in order."""
        batch = writer.Batch(events, self._clock(), by)
        written = await self._write(lambda c: batch.run(c, self._tail), batch)
        return written.results

    async def append_scoped(
        self, events: Sequence[Event], key_scope: KeyScope, *, by: str | None = None
    ) -> list[Appended]:
        """Store the events if a caller with this scope may write them."""
        batch = writer.Batch(events, self._clock(), by, key_scope)
        written = await self._write(lambda c: batch.run(c, self._tail), batch)
        return written.results

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many."""

        def run(connection: sqlite3.Connection) -> writer.Pruned:
            return writer.prune(connection, keep=keep, before=before, top=self._tail.head.offset)

        pruned = await self._write(run)
        self.pruned_through = max(self.pruned_through, pruned.through)
        return pruned.events

    async def put_metadata(self, name: str, body: bytes) -> None:
        """Write a document, in the same commits as the events."""
        await self._write(lambda c: writer.put_metadata(c, name, body))

    async def delete_metadata(self, name: str) -> None:
        """Delete a document."""
        await self._write(lambda c: writer.delete_metadata(c, name))

    async def _write(
        self, run: Callable[[sqlite3.Connection], T], batch: writer.Batch | None = None
    ) -> T:
        if self._thread is None or self._loop is None:
            raise StoreUnavailable("the log is closed; the server is starting or stopping")
        running = asyncio.get_running_loop()
        if running is not self._loop:  # a program that embeds the server may have its own loop
            if not self._loop.is_running():
                raise StoreUnavailable(
                    "the log cannot be written: its event loop ended; start the server again"
                )
            there = asyncio.run_coroutine_threadsafe(self._write(run, batch), self._loop)
            return await asyncio.wrap_future(there)
        job = _Job(run, running.create_future(), batch)
        self._jobs.put(job)
        return await job.done  # type: ignore[return-value]  # what `run` returned

    def _write_forever(self, connection: sqlite3.Connection) -> None:
        assert self._loop is not None
        last = False
        while not last and (first := self._jobs.get()) is not None:
            jobs, last = self._gather(first)
            begun = time.perf_counter()
            failure = self._commit(connection, jobs)
            self._count(time.perf_counter() - begun, jobs, failure)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting
                self._loop.call_soon_threadsafe(self._announce, jobs)
        connection.close()

    def _count(self, seconds: float, jobs: list[_Job], failure: Exception | None) -> None:
        """Count a commit; a failure here does not delay the next one."""
        try:
            if any(job.batch is not None for job in jobs):  # metadata and prunings are not events
                self.figures.took(seconds, sum(job.size for job in jobs))
            if not self.figures.turned(failing=failure is not None):
                return
            if failure is None:
                note(_log, logging.WARNING, "store_available", path=self.path)
            else:
                reason = self._unavailable(failure)
                note(_log, logging.WARNING, "store_unavailable", path=self.path, reason=reason)
        except Exception as error:  # noqa: BLE001 - the writer must outlive it
            note_fault(_log, "commit_not_counted", error)

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        """Take the other waiting jobs, within bounds; also return whether the store then closes."""
        jobs, events = [first], first.size
        while len(jobs) < _BATCH_JOBS and events < _BATCH_EVENTS and not self._jobs.empty():
            if (job := self._jobs.get_nowait()) is None:
                return jobs, True
            jobs.append(job)
            events += job.size
        return jobs, False

    def _commit(self, connection: sqlite3.Connection, jobs: list[_Job]) -> Exception | None:
        """Write the jobs in one transaction; return the error if it failed."""
        written = self._tail.head
        try:
            connection.execute("BEGIN IMMEDIATE")
            if not self._run_together(connection, jobs):
                for job in jobs:
                    self._run(connection, job)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - the writer must outlive it: callers wait for it
            # No event of the batch is in the log: every caller gets the error.
            self._tail.move_back(written)
            with contextlib.suppress(sqlite3.Error):  # then the next batch is refused as well
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            for job in jobs:
                job.error = self._unavailable(error)
            return error
        return None

    def _run_together(self, connection: sqlite3.Connection, jobs: list[_Job]) -> bool:
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

    def _run(self, connection: sqlite3.Connection, job: _Job) -> None:
        written = self._tail.head
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.run(connection)
        except Exception as error:  # isolates one append from all others
            if not connection.in_transaction:
                raise  # SQLite rolled back all of the batch, as it does when the disk is full
            job.error = self._unavailable(error) if isinstance(error, NO_ANSWER) else error
            self._tail.move_back(written)
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        return unavailable("nothing was stored, cannot write", self.path, error)

    def _announce(self, jobs: list[_Job]) -> None:
        """Announce the commits, in offset order, and only then resolve the callers' futures."""
        commits: list[Commit] = []
        for job in jobs:
            if job.error is None and isinstance(job.result, writer.Written):
                commits += job.result.commits
        if commits:
            self.top = commits[-1].record.offset
            announce(self._on_commit, commits)
        for job in jobs:
            if job.done.done():  # cancelled: its events stay in the log
                continue
            if job.error is not None:
                job.done.set_exception(job.error)
            else:
                job.done.set_result(job.result)

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
        return await self._read(lambda c: reading.trail(c, self.epoch, after=after, limit=limit))

    async def get_metadata(self, prefix: str) -> dict[str, bytes]:
        """Return the documents whose name begins with the prefix."""
        return await self._read(lambda c: reading.metadata(c, prefix))

    async def newest(self) -> float | None:
        """Return when the newest event was stored."""
        return await self._read(reading.newest)

    async def _read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        if self._thread is None:
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
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.get_running_loop().run_in_executor(None, thread.join)
        self._readers.shutdown()
        for connection in self._open_readers:
            connection.close()
        self._lock.release()
