"""A log in PostgreSQL, which several servers write and read at the same time.

The database decides: an append locks the log's row and is checked, numbered and sealed under that
lock (``appending.py``), so that no server has to be the leader. Each server announces the commits
of all in offset order: its own at once (``announcer.py``), those of the others as it reads them
(``tail.py``). Readers have connections of their own and never wait for the writer.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Final, TypeVar

import psycopg
from psycopg_pool import ConnectionPool

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import HitlError, OutcomeUnknown, StoreUnavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.log_lines import logger, note
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
    announce,
)
from crewai_hitl_nb.store.group_writer import GroupWriter, Job
from crewai_hitl_nb.store.histograms import CommitFigures
from crewai_hitl_nb.store.postgres import appending, history, pruning, reading, schema
from crewai_hitl_nb.store.postgres.announcer import Announcer
from crewai_hitl_nb.store.postgres.appending import CommitInDoubt, Group
from crewai_hitl_nb.store.postgres.connections import Session, Target, prepare
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable
from crewai_hitl_nb.store.postgres.history import FellBehind, HistoryLost, Seen
from crewai_hitl_nb.store.postgres.reading import State
from crewai_hitl_nb.store.postgres.tail import CHANNEL, NOTIFY, Tail, read_page
from crewai_hitl_nb.store.rows import Batch, Written
from crewai_hitl_nb.store.trail import TrailPage

_READERS: Final = 4
"""Connections that read: a long replay does not delay a short look-up."""

_READ_SECONDS: Final = 10.0
"""How long a read waits for a connection."""

_NOTIFY_SECONDS: Final = 0.01
"""At most one notification in this time. The first one goes out at once."""

_ANNOUNCED_SECONDS: Final = 2.0
"""How long an append waits until it is announced here; it is stored in any case."""

_log = logger(__name__)

T = TypeVar("T")


class PostgresStore:
    """One log in PostgreSQL; see ``base.Store`` and ``metadata.Metadata`` for its guarantees."""

    def __init__(
        self,
        target: Target,
        *,
        listen: Target | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Name the log; :meth:`start` opens it.

        Args:
            target: Where it is.
            listen: Where to listen for notifications, if ``target`` is behind a pooler.
            clock: Unix time, for retention by age; None for the database's clock.
        """
        self.epoch = ""
        self.top = 0
        self.pruned_through = 0
        self._target = target
        self._clock = clock
        self._writer = GroupWriter(
            str(target), self._write, self._resolve, self._unavailable, self._notify_others
        )
        self._session: Session | None = None
        self._pool = ConnectionPool(
            target.conninfo,
            min_size=1,
            max_size=_READERS,
            open=False,
            timeout=_READ_SECONDS,
            name="crewai-hitl",
            kwargs={"autocommit": True},
            configure=prepare,
        )
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="hitl-read")
        self._seen = Seen("", chain.start(""))
        self._seeing = threading.Lock()
        self._announcer = Announcer(self._deliver)
        self._tail = Tail(target, listen or target, self._read_page, self._check, self._failed)
        self._notified = 0.0
        self._to_notify = False
        self._early: list[tuple[int, Job]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_commit: OnCommit = lambda commits: None

    @property
    def figures(self) -> CommitFigures:
        """Durations, sizes and failures of its commits."""
        return self._writer.figures

    async def start(self, on_commit: OnCommit) -> None:
        """Open the log, make or upgrade its tables, and announce every commit from now on.

        Raises:
            StoreUnavailable: The database cannot be used; the message says why and what to do.
        """
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(self._readers, self._open)
        self._tail.start()
        self._writer.start()

    def _open(self) -> None:
        try:
            self._session = self._target.connect()
            schema.upgrade(self._session)
            state = reading.state(self._session)
            pruned_through = reading.pruned_through(self._session)
            self._pool.open()
        except NO_ANSWER as error:
            self._drop_session()
            raise unavailable("cannot open", self._target, error) from error
        self.epoch, self.top, self.pruned_through = state.epoch, state.head.offset, pruned_through
        self._seen = Seen(state.epoch, state.head)
        self._announcer.begin(state.head.offset)

    async def close(self) -> None:
        """Finish pending appends and close the connections."""
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._tail.close()
        self._readers.shutdown()
        self._pool.close()
        self._drop_session()

    # ---- writing

    async def append(self, events: Sequence[Event], *, by: str | None = None) -> list[Appended]:
        """Store the events together, in order."""
        return await self._append(Batch(events, 0.0, by))

    async def append_scoped(
        self, events: Sequence[Event], key_scope: KeyScope, *, by: str | None = None
    ) -> list[Appended]:
        """Store the events if a caller with this scope may write them."""
        return await self._append(Batch(events, 0.0, by, key_scope))

    async def _append(self, batch: Batch) -> list[Appended]:
        return (await self._writer.append(batch)).results

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many."""
        pruned = await self._writer.run(lambda log: pruning.prune(log, keep=keep, before=before))
        self.pruned_through = max(self.pruned_through, await self._read(reading.pruned_through))
        return pruned

    async def put_metadata(self, name: str, body: bytes) -> None:
        """Write a document."""
        await self._writer.run(lambda log: pruning.put_metadata(log, name, body))

    async def delete_metadata(self, name: str) -> None:
        """Delete a document."""
        await self._writer.run(lambda log: pruning.delete_metadata(log, name))

    # ---- on the writer's thread

    def _write(self, jobs: list[Job]) -> Exception | None:
        """Write the jobs: the appends that follow each other in one transaction."""
        failure = None
        for together, some in groupby(jobs, lambda job: job.batch is not None):
            run = list(some)
            for part in [run] if together else [[job] for job in run]:
                failure = self._write_part(part) or failure
        return failure

    def _write_part(self, jobs: list[Job]) -> Exception | None:
        """Write some appends, or one other job."""
        try:
            try:
                self._write_by(self._connected(), jobs)
            except psycopg.OperationalError:
                if self._session is None or not self._session.is_broken:
                    raise
                self._drop_session()  # it was from before the database was restarted
                self._write_by(self._connected(), jobs)
        except Exception as error:  # noqa: BLE001 - the writer must outlive it: callers wait for it
            for job in jobs:
                job.error = self._unavailable(error)
            if self._session is not None and self._session.is_broken:
                self._drop_session()
            return error
        return None

    def _write_by(self, log: Session, jobs: list[Job]) -> None:
        run = jobs[0].run
        if run is not None:
            jobs[0].result = run(log)
        else:
            self._append_all(log, jobs)

    def _append_all(self, log: Session, jobs: list[Job]) -> None:
        batches = [job.batch for job in jobs if job.batch is not None]
        (beginning, _), epoch = self._announcer.position, self._seen.epoch
        try:
            group = self._append_group(log, batches)
        except CommitInDoubt as doubt:
            self._drop_session()
            group = self._settled(doubt)
        for job, result in zip(jobs, group.results, strict=True):
            if isinstance(result, HitlError):
                job.error = result
            else:
                job.result = result
        if group.commits:  # from here on they are stored: nothing may make errors of them
            self._saw(group.head, epoch)
            self._announcer.add(beginning, group.first - 1, group.head.offset, group.commits)
            self._to_notify = True
            self._read_holes()

    def _append_group(self, log: Session, batches: Sequence[Batch]) -> Group:
        seen = self._seen
        try:
            return appending.write(log, batches, seen, self._clock)
        except (HistoryLost, FellBehind) as reason:
            self._begin_again(log, seen, reason)
            return self._append_group(log, batches)

    def _settled(self, doubt: CommitInDoubt) -> Group:
        """Find out whether a commit took place whose confirmation was lost."""
        try:
            if appending.is_written(self._connected(), doubt.group):
                return doubt.group
        except NO_ANSWER as error:
            self._drop_session()
            raise OutcomeUnknown(
                f"the connection to {self._target} broke during the commit; it is not known "
                "whether the events are stored. Send them again with the same event ids"
            ) from error
        raise StoreUnavailable(
            f"nothing was stored: the connection to {self._target} broke; send it again"
        )

    def _notify_others(self) -> float | None:
        """Wake the other servers; return the seconds after which to do it, if not now."""
        if not self._to_notify:
            return None
        now = time.monotonic()
        if now < self._notified + _NOTIFY_SECONDS:
            return self._notified + _NOTIFY_SECONDS - now
        self._to_notify, self._notified = False, now
        with suppress(psycopg.Error):  # they look once a second, too
            log = self._connected()
            log.execute(NOTIFY, {"channel": CHANNEL, "schema": log.schema})
        return None

    def _read_holes(self) -> None:
        """Read what other servers wrote before our own commit, which waits for it."""
        try:
            while self._announcer.has_hole and self._read_page(self._connected()):
                pass
        except Exception as error:  # noqa: BLE001 - the append is stored; the tail reads it again
            self._failed(error)
            self._tail.look()

    def _connected(self) -> Session:
        if self._session is None:
            self._session = self._target.connect()
        return self._session

    def _drop_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        if isinstance(error, StoreUnavailable):
            return error
        return unavailable("nothing was stored, cannot write", self._target, error)

    # ---- what is known of the log's end, on both threads

    def _begin_again(self, log: Session, seen: Seen, reason: Exception) -> None:
        """Begin anew at the end of the log, because what this server has seen is not in it.

        If history was lost, the first server that notices gives the log a new epoch, and the others
        take it over. The new epoch shows the loss to every reader.
        """
        with self._seeing:
            if self._seen is not seen:
                return  # the other thread has begun anew, or has seen more: compare again
            if isinstance(reason, HistoryLost):
                state = history.new_epoch(log, self._seen.epoch)
            else:
                state = reading.state(log)
            self._seen = Seen(state.epoch, state.head)
            why = "history_lost" if isinstance(reason, HistoryLost) else "fell_behind"
            self._announcer.begin(state.head.offset, partial(self._call, self._reset, state, why))

    def _read_page(self, log: Session) -> bool:
        """Read and announce the next events of other servers; return whether there were any."""
        seen = self._seen
        try:
            head = read_page(log, self._announcer)
        except FellBehind as reason:
            self._begin_again(log, seen, reason)
            return True
        if head is not None:
            self._saw(head, seen.epoch)
        return head is not None

    def _check(self, log: Session) -> None:
        """Notice a database that went back in time, also when nothing is written here."""
        seen = self._seen
        try:
            history.check(log, seen)
        except (HistoryLost, FellBehind) as reason:
            self._begin_again(log, seen, reason)

    def _failed(self, error: Exception) -> None:
        """Note that the log cannot be followed; streams wait until it can."""
        reason = unavailable("cannot follow", self._target, error)
        note(_log, logging.DEBUG, "log_not_followed", reason=reason)

    def _saw(self, head: Head, epoch: str) -> None:
        with self._seeing:
            if epoch == self._seen.epoch and head.offset > self._seen.head.offset:
                self._seen = Seen(self._seen.epoch, head)

    def _deliver(self, commits: Sequence[Commit], upto: int) -> None:
        self._call(self._announce, commits, upto)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on the loop."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: nobody is waiting
            self._loop.call_soon_threadsafe(function, *arguments)

    # ---- on the loop

    def _reset(self, state: State, reason: str) -> None:
        self.epoch, self.top = state.epoch, state.head.offset
        where = str(self._target)
        note(_log, logging.ERROR, "log_reset", path=where, reason=reason, top=self.top)

    def _announce(self, commits: Sequence[Commit], upto: int) -> None:
        self.top = upto
        if commits:
            announce(self._on_commit, commits)
        early, self._early = self._early, []
        for offset, job in early:
            self._resolve_at(offset, job)

    def _resolve(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._resolve_at(_last_offset(job), job)

    def _resolve_at(self, offset: int, job: Job) -> None:
        """Resolve a job when everything up to the offset is announced here, or after a while."""
        if offset <= self.top:
            job.resolve()
            return
        self._early.append((offset, job))
        asyncio.get_running_loop().call_later(_ANNOUNCED_SECONDS, job.resolve)

    # ---- reading

    async def read(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> list[Record]:
        """Return the next records in order."""
        page = await self.replay(match, after=after, upto=upto, limit=limit, scope=scope)
        return page.records

    async def replay(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> Replayed:
        """Return the next records and how far the log was pruned, in one snapshot."""
        page = await self._read(
            lambda log: reading.replay(log, match, after=after, upto=upto, limit=limit, scope=scope)
        )
        self.pruned_through = max(self.pruned_through, page.pruned_through)
        return page

    async def offset_of(self, event_id: str) -> int | None:
        """Return the offset of an event."""
        return await self._read(lambda log: reading.offset_of(log, event_id))

    async def request(self, request_id: str) -> Request | None:
        """Return the current state of a request."""
        return await self._read(lambda log: reading.request(log, request_id))

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a listing."""
        return await self._read(lambda log: reading.requests(log, query))

    async def askers(self) -> dict[str, str]:
        """Return who asked the open requests."""
        return await self._read(reading.askers)

    async def trail(self, *, after: int, limit: int) -> TrailPage:
        """Return the next entries of the trail."""
        return await self._read(lambda log: reading.trail(log, after=after, limit=limit))

    async def get_metadata(self, prefix: str) -> dict[str, bytes]:
        """Return the documents whose name begins with the prefix."""
        return await self._read(lambda log: reading.metadata(log, prefix))

    async def newest(self) -> float | None:
        """Return when the newest event was stored."""
        return await self._read(reading.newest)

    async def _read(self, look: Callable[[Session], T]) -> T:
        if not self._writer.is_open:
            raise StoreUnavailable("the log is closed; the server is starting or stopping")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._look, look)
        except NO_ANSWER as error:
            raise unavailable("cannot read", self._target, error) from error

    def _look(self, look: Callable[[Session], T]) -> T:
        try:
            return self._look_once(look)
        except psycopg.OperationalError:  # a connection from before the database was restarted
            return self._look_once(look)

    def _look_once(self, look: Callable[[Session], T]) -> T:
        with self._pool.connection() as connection:
            return look(Session(connection, self._target.schema))


def _last_offset(job: Job) -> int:
    """Return the offset up to which a job waits for its announcement."""
    if not isinstance(job.result, Written):
        return 0
    return max((result.record.offset for result in job.result.results), default=0)
