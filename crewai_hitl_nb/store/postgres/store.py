"""A log in PostgreSQL, which several servers write and read at the same time.

The database decides: an append locks the log's row and is checked, numbered and sealed under that
lock (``appending.py``), so that no server has to be the leader. Each server announces the commits
of all in offset order: its own at once (``announcer.py``), those of the others as it reads them
(``tail.py``). Readers have connections of their own and never wait for the writer (``readers.py``).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

import psycopg

from crewai_hitl_nb.protocol.errors import OutcomeUnknown, StoreUnavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store import relocation
from crewai_hitl_nb.store.base import (
    Appended,
    Commit,
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
    announce,
)
from crewai_hitl_nb.store.coordination import ShareFigures, Tenure
from crewai_hitl_nb.store.group_writer import GroupWriter, Job
from crewai_hitl_nb.store.histograms import CommitFigures
from crewai_hitl_nb.store.postgres import metadata, pruning, reading, schema
from crewai_hitl_nb.store.postgres.announcer import Announcer
from crewai_hitl_nb.store.postgres.connections import Session, Target
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable
from crewai_hitl_nb.store.postgres.files import PostgresFiles
from crewai_hitl_nb.store.postgres.following import Following, Why
from crewai_hitl_nb.store.postgres.readers import READERS, Readers
from crewai_hitl_nb.store.postgres.reading import State
from crewai_hitl_nb.store.postgres.replicas import DUTIES, Replicas
from crewai_hitl_nb.store.postgres.tail import Tail
from crewai_hitl_nb.store.postgres.watchdog import Watchdog
from crewai_hitl_nb.store.postgres.writing import Writing
from crewai_hitl_nb.store.rows import Batch, Written
from crewai_hitl_nb.store.trail import TrailPage

CONNECTIONS: Final = READERS + 3
"""Most connections of one server: one more writes, one follows the log, and one listens."""

_OPEN_SECONDS: Final = 60.0
"""How long the database may take to make, upgrade and check the tables."""

_PRUNE_SECONDS: Final = 600.0
"""The longest that pruning may take at once."""

_AWAY_SECONDS: Final = 5.0
"""Without a reply for this long the database is away; it is asked once a second."""

_ANNOUNCED_SECONDS: Final = 2.0
"""How long an append waits until it is announced here."""

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
        self.refusal = ""
        self.coordination = Replicas(self._flush_soon, self._read)
        self._target = target
        self._watchdog = Watchdog()
        self._following = Following(Announcer(self._deliver), self._begun_again)
        self._writing = Writing(target, self._following, self._watchdog, self._read_others, clock)
        self._writer = GroupWriter(
            str(target),
            self._writing.write,
            self._resolve,
            self._writing.unavailable,
            self._writing.notify_others,
        )
        self._tail = Tail(
            target,
            listen or target,
            self._following.read_page,
            self._look_after,
            self._not_followed,
            self._watchdog,
            lambda: self._writing.process_id,
        )
        self._readers = Readers(target, self._following, self._watchdog)
        self.files = PostgresFiles(self._read, clock)
        self._replied = time.monotonic()
        self._why_not_followed = ""
        self._tail_session: Session | None = None
        self._early: list[tuple[int, Job]] = []
        self._awaited: dict[asyncio.Future[None], int] = {}
        self._flushing: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_commit: OnCommit = lambda commits: None
        self._on_reset: OnReset = lambda: None

    @property
    def outage(self) -> str:
        """Why the database has not replied for some seconds, or has just refused a write.

        A database that was stopped, or cut off, makes no error for long; one whose disk is full
        still replies.
        """
        if time.monotonic() > self._replied + _AWAY_SECONDS:
            silent = psycopg.OperationalError(f"no reply for {_AWAY_SECONDS:.0f} seconds")
            silence = unavailable("cannot write", self._target, silent).message
            return self._why_not_followed or silence
        return self._writer.outage if self._writing.failed_within(_AWAY_SECONDS) else ""

    @property
    def share_figures(self) -> ShareFigures:
        """How this server stands among those that share the log."""
        pool = self._readers.statistics
        connections = pool.get("pool_size", 0)
        return ShareFigures(
            events_behind=max(0, self._following.seen.head.offset - self.top),
            duties=frozenset(one for one in DUTIES if self.coordination.tenure(one)),
            connections=connections,
            connections_used=connections - pool.get("pool_available", 0),
            reads_waiting=pool.get("requests_waiting", 0),
        )

    @property
    def figures(self) -> CommitFigures:
        """Durations, sizes and failures of its commits."""
        return self._writer.figures

    async def start(self, on_commit: OnCommit, on_reset: OnReset = lambda: None) -> None:
        """Open the log, make or upgrade its tables, and announce every commit from now on.

        Raises:
            StoreUnavailable: The database cannot be used; the message says why and what to do.
        """
        self._on_commit, self._on_reset = on_commit, on_reset
        self._loop = asyncio.get_running_loop()
        self._watchdog.start()
        await self._loop.run_in_executor(self._readers.threads, self._open)
        self._tail.start()
        self._writer.start()

    def _open(self) -> None:
        try:
            log = self._writing.connected()
            with self._watchdog.watching(log, _OPEN_SECONDS):
                schema.upgrade(log)
                state = reading.state(log)
                schema.refuse(state)
                schema.try_writing(log)
                pruned_through = reading.pruned_through(log)
                self.coordination.renew(log)
            self._readers.open()
        except NO_ANSWER as error:
            self._writing.disconnect()
            raise unavailable("cannot open", self._target, error, opening=True) from error
        self.epoch, self.top, self.pruned_through = state.epoch, state.head.offset, pruned_through
        self._following.begin(state)
        self._replied = time.monotonic()

    async def close(self) -> None:
        """Finish pending appends, give up the lease, and close the connections."""
        await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._watchdog.hurry()
        self._tail.close()
        if self.epoch:  # it was opened, so it has a lease
            with suppress(psycopg.Error):  # then the lease ends by itself
                log = self._writing.connected()
                with self._watchdog.watching(log):
                    self.coordination.leave(log)
        self._readers.close()
        self._writing.disconnect()
        self._watchdog.close()

    # ---- writing

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        """Store the events together, in order, if the condition holds."""
        return await self._append(Batch(events, 0.0, by, condition=condition))

    async def append_scoped(
        self, events: Sequence[Event], key_scope: KeyScope, *, by: str | None = None
    ) -> list[Appended]:
        """Store the events if a caller with this scope may write them."""
        return await self._append(Batch(events, 0.0, by, key_scope))

    async def _append(self, batch: Batch) -> list[Appended]:
        return (await self._writer.append(batch)).results

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many; other appends go on meanwhile."""
        pruned = await self._read(
            lambda log: pruning.prune(log, keep=keep, before=before), _PRUNE_SECONDS
        )
        self.pruned_through = max(self.pruned_through, await self._read(reading.pruned_through))
        return pruned

    async def put_metadata(self, name: str, body: bytes, *, tenure: Tenure | None = None) -> None:
        """Write a document, if the tenure lasts."""
        if tenure is None:
            await self._writer.run(lambda log: metadata.put(log, name, body))
        else:
            await self._writer.run(lambda log: metadata.put_on_duty(log, name, body, tenure))

    async def put_metadata_once(self, name: str, body: bytes) -> bytes:
        """Write a document unless there is one; return the one that is kept."""
        return await self._writer.run(lambda log: metadata.put_once(log, name, body))

    async def delete_metadata(self, name: str, *, tenure: Tenure | None = None) -> None:
        """Delete a document, if the tenure lasts."""
        if tenure is None:
            await self._writer.run(lambda log: metadata.delete(log, name))
        else:
            await self._writer.run(lambda log: metadata.delete_on_duty(log, name, tenure))

    # ---- on the threads that write and that follow

    def _look_after(self, log: Session) -> None:
        """Renew the lease, and notice a database that went back in time, or was upgraded."""
        if log is not self._tail_session:
            self._following.recognize(log)
            self._tail_session = log
        self.coordination.renew(log)
        state = self._following.check(log)
        if state.oldest_writer < schema.OLDEST_WRITER and self.coordination.has_settled:
            schema.raise_oldest_writer(log)
        self._call(self._note_refusal, self._refusal_of(state))
        if self._why_not_followed:
            self._why_not_followed = ""
            note(_log, logging.WARNING, "log_followed", path=str(self._target))
        self._replied = time.monotonic()

    def _refusal_of(self, state: State) -> str:
        try:
            schema.refuse(state)
        except (schema.TooOld, relocation.OutOfService) as error:
            return unavailable("nothing can be written to", self._target, error).message
        return ""

    def _not_followed(self, error: Exception) -> None:
        """Log that the log cannot be followed, once until it can; streams wait for that."""
        level = logging.DEBUG if self._why_not_followed else logging.WARNING
        reason = self._why_not_followed = unavailable("cannot follow", self._target, error).message
        note(_log, level, "log_not_followed", reason=reason)

    def _read_others(self) -> None:
        self._tail.look()

    def _deliver(self, commits: Sequence[Commit], upto: int) -> None:
        self._call(self._announce, commits, upto)

    def _begun_again(self, state: State, why: Why) -> None:
        self._call(self._reset, state, why)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        """Call a function on the loop."""
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: nobody is waiting
            self._loop.call_soon_threadsafe(function, *arguments)

    # ---- on the loop

    def _announce(self, commits: Sequence[Commit], upto: int) -> None:
        self.top = upto
        if commits:
            announce(self._on_commit, commits)
        early, self._early = self._early, []
        for offset, job in early:
            if offset <= upto or self._may_be_lost(job):
                self._reply(job)
            elif not job.done.done():  # after its time it is resolved
                self._early.append((offset, job))
        for waiting, offset in self._awaited.items():
            if offset <= upto and not waiting.done():
                waiting.set_result(None)

    def _note_refusal(self, refusal: str) -> None:
        """Take note of why the log may not be written here; its streams then end."""
        if refusal == self.refusal:
            return
        self.refusal = refusal
        if refusal:
            note(_log, logging.ERROR, "log_refused", reason=refusal)
            self._on_reset()

    def _reset(self, state: State, why: Why) -> None:
        """Take over another end of the log; what waits for offsets of the old one is answered."""
        self.epoch, self.top = state.epoch, state.head.offset
        where = str(self._target)
        note(_log, logging.ERROR, "log_reset", path=where, reason=why, top=self.top)
        self._on_reset()
        self._announce((), self.top)

    def _resolve(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._resolve_at(_last_offset(job), job)

    def _resolve_at(self, offset: int, job: Job) -> None:
        """Resolve a job when everything up to the offset is announced here, or after a while."""
        if offset <= self.top or self._may_be_lost(job):
            self._reply(job)
            return
        self._early.append((offset, job))
        late = asyncio.get_running_loop().call_later
        late(_ANNOUNCED_SECONDS, self._reply_late, job, time.monotonic())

    def _may_be_lost(self, job: Job) -> bool:
        """Return whether the log has lost history since this append was written."""
        return isinstance(job.result, Written) and job.result.epoch != self._following.seen.epoch

    def _reply(self, job: Job) -> None:
        """Resolve a job; nobody knows whether an append outlived a loss of history."""
        if self._may_be_lost(job):
            job.error = self._in_doubt("lost its last commits")
        job.resolve()

    def _reply_late(self, job: Job, since: float) -> None:
        """Resolve a job that waits for too long, unless the log was not looked at meanwhile.

        The database may then have lost it, and other servers may have said so.
        """
        if self._replied < since:
            job.error = self._in_doubt("stopped replying")
            job.resolve()
        else:
            self._reply(job)

    def _in_doubt(self, what: str) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"the database {self._target} {what} after the events were stored; it is not known "
            "whether it still has them. Send them again with the same event ids"
        )

    async def reached(self, offset: int) -> None:
        """Return when everything up to this offset is announced here."""
        if offset <= self.top:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._awaited[waiting] = offset
        self._tail.look()
        try:
            await asyncio.wait_for(waiting, _ANNOUNCED_SECONDS)
        except asyncio.TimeoutError:
            raise StoreUnavailable(
                "this server is behind the log; connect again, to this one or to another"
            ) from None
        finally:
            del self._awaited[waiting]

    def _flush_soon(self) -> None:
        """Write soon which processes came and left; if that fails, the next renewal does it."""
        task = asyncio.ensure_future(self._writer.run(self.coordination.flush))
        self._flushing.add(task)
        task.add_done_callback(self._flushed)

    def _flushed(self, task: "asyncio.Task[None]") -> None:
        self._flushing.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it

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
        return await self._read(lambda log: metadata.get(log, prefix))

    async def newest(self) -> float | None:
        """Return when the newest event was stored."""
        return await self._read(reading.newest)

    async def _read(self, look: Callable[[Session], T], seconds: float | None = None) -> T:
        """Call a function with a session that reads; see :meth:`Readers.read`."""
        if not self._writer.is_open:
            raise StoreUnavailable("the log is closed; the server is starting or stopping")
        return await self._readers.read(look, seconds)


def _last_offset(job: Job) -> int:
    """Return the offset up to which a job waits for its announcement."""
    if not isinstance(job.result, Written):
        return 0
    return max((result.record.offset for result in job.result.results), default=0)
