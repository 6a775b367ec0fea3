"""What a store guarantees, and the types that stores take and return.

Guarantees, tested for every store by the same tests (``tests/store/``):

* **Order.** Offsets are 1, 2, 3 … without repetition, also after pruning and restarts.
* **Atomic.** The events of one ``append`` are stored together, or not at all.
* **Durable before visible.** ``append`` returns, and ``on_commit`` is called, only when the
  events survive a crash of the process. ``on_commit`` is called on the
  event loop, in offset order, and before ``append`` returns. An error that it
  raises is only logged: the events are stored, and ``append`` returns them.
* **Idempotent.** An event that is in the log is not stored again; the stored record is
  returned as a duplicate. Another event with the same id is refused with ``EventExists``
  (``protocol/duplicates.py``). After its event was pruned an id counts as new.
* **One end.** The protocol's transition table says which event may follow in a request. Any other
  is refused with the error of :func:`crewai_hitl_nb.protocol.state.refusal`, so a log never holds
  two closing events of one request.
* **Ownership.** A store remembers, across restarts and pruning, the crew under which an execution
  was first published and the execution that first named a crew; ``append_scoped`` decides by it.
* **Open requests stay.** Pruning drops all events of a request or none, and never those of a
  pending one.

A log in PostgreSQL may have several servers, and each of them announces the commits of all. If it
cannot read what the others stored before an append, that append returns after two seconds, before
its announcement. Every other log belongs to one process at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, Protocol, TypeVar

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import HitlError, StoreUnavailable, TooLarge
from crewai_hitl_nb.protocol.events import Event, event_type, request_id_of
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.protocol.search import is_found
from crewai_hitl_nb.protocol.state import Listed, Request
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.store.coordination import Coordination, Process

T = TypeVar("T")

_log = logger(__name__)


class StoreInUse(StoreUnavailable):
    """Another process owns the store."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A stored event: its offset, the fields that filters need, and the encoded event itself.

    Attributes:
        offset: Its place in the log, from 1.
        event_id: Its id.
        type: Its type.
        execution_id: For filters.
        crew_id: For filters.
        body: The event as JSON, ``offset`` included; sent to readers as it is.
    """

    offset: int
    event_id: str
    type: str
    execution_id: str | None
    crew_id: str | None
    body: bytes

    def __repr__(self) -> str:
        """Show offset and id only, never the event's texts."""
        return f"Record(offset={self.offset}, event_id={self.event_id!r})"


class Appended(msgspec.Struct, frozen=True, gc=False):
    """The result of appending one event."""

    record: Record
    request_id: str | None
    duplicate: bool


class Commit(msgspec.Struct, frozen=True, gc=False):
    """A newly stored event, typed and as a record, and who published it, if known.

    ``own`` is False if another server of the same log stored it.
    """

    record: Record
    event: Event
    by: str | None = None
    own: bool = True


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold at the moment of a commit.

    A log with one server ignores times, processes and the epoch, because that server has just
    checked them. Of several servers one may have slept, or have a wrong clock, and a database may
    go back in time. Every store checks the events.

    Attributes:
        with_event: The id of an event that the log must have; None for none.
        without_event: The id of an event that it must not have; None for none.
        not_after: By the log's clock; None for any time.
        not_before: Likewise.
        without: The process that must not be connected to any server, or have been until
            ``grace`` seconds ago.
        grace: See ``without``.
        epoch: The log's; None for any.
    """

    with_event: str | None = None
    without_event: str | None = None
    not_after: datetime | None = None
    not_before: datetime | None = None
    without: Process | None = None
    grace: float = 0.0
    epoch: str | None = None

    def has_events(self, has: Callable[[str], bool]) -> bool:
        """Return whether the log has the events that it must have, and no other of these two.

        Args:
            has: Whether the log has the event with an id.
        """
        return (self.with_event is None or has(self.with_event)) and (
            self.without_event is None or not has(self.without_event)
        )


NOT_NOW: Final = "it is not time for this event"


class ConditionFailed(HitlError):
    """The condition of an append does not hold; nothing was stored."""


class Replayed(msgspec.Struct, frozen=True):
    """One page of a replay, and how far the log was pruned when the page was read.

    A reader whose position is before ``pruned_through`` may have missed events. Each page is a
    snapshot of its own, and the log may be pruned between two of them.
    """

    records: list[Record]
    pruned_through: int


class KeyScope(msgspec.Struct, frozen=True):
    """The events that a limited key may read: those of these executions and of these crews.

    It may write fewer: see ``ownership.py``.
    """

    executions: frozenset[str]
    crews: frozenset[str]

    def covers(self, of: "Record | Event") -> bool:
        """Return whether an event is in scope."""
        return of.execution_id in self.executions or of.crew_id in self.crews

    def describe(self) -> str:
        """Return the executions and crews in scope, for people."""
        return ", ".join(
            [f"execution `{name}`" for name in sorted(self.executions)]
            + [f"crew `{name}`" for name in sorted(self.crews)]
        )


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a reader wants; a field that is None excludes no event."""

    execution_id: str | None = None
    crew_id: str | None = None
    types: frozenset[str] | None = None
    within: KeyScope | None = None

    def __call__(self, record: Record) -> bool:
        """Return whether the reader wants the record."""
        return (
            (self.execution_id is None or record.execution_id == self.execution_id)
            and (self.crew_id is None or record.crew_id == self.crew_id)
            and (self.types is None or record.type in self.types)
            and (self.within is None or self.within.covers(record))
        )


EVERYTHING: Final = Match()


class RequestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests a listing wants, oldest first unless ``newest_first``.

    Attributes:
        status: Only requests of this status; ``closed`` means all that are not pending. None
            lists all, here and below.
        execution_id: Only requests of this execution.
        crew_id: Only requests of this crew.
        kind: Only requests of this kind.
        assignee: Only those assigned to this person.
        words: Only those that contain all these words (``protocol/search.py``).
        closed_after: Only requests whose end was stored then or later (Unix time, by the clock of
            the log).
        within: Only requests in the scope of this key.
        newest_first: List the newest first.
        after: Offset of the last request of the page before.
        limit: At most this many.
    """

    status: Listed | None = None
    execution_id: str | None = None
    crew_id: str | None = None
    kind: str | None = None
    assignee: str | None = None
    words: tuple[str, ...] = ()
    closed_after: float | None = None
    within: KeyScope | None = None
    newest_first: bool = False
    after: int | None = None
    limit: int = limits.DEFAULT_PAGE_REQUESTS


class RequestPage(msgspec.Struct, frozen=True):
    """One page of requests, and the offset after which the next page begins (None at the end).

    Large requests end a page early. A page of a search may be empty and still not be the last: it
    also ends after the most requests that one page searches.
    """

    requests: Sequence[Request]
    next: int | None


Scope = Literal["all", "pending"]
"""The events that a replay reads: all, or those of the requests that are open at its top."""

OnCommit = Callable[[Sequence[Commit]], None]

OnReset = Callable[[], None]
"""Called when the log is no longer what was announced of it: its readers begin again."""


class Store(Protocol):
    """An append-only log and the fold of its requests. See the module for its guarantees.

    Every method but ``start`` may raise ``StoreUnavailable``: nothing was changed, and the
    same call may succeed later.
    """

    @property
    def epoch(self) -> str:
        """The name of this log's history; a new name means that the history was lost."""

    @property
    def top(self) -> int:
        """Offset of the last event that ``on_commit`` has announced; 0 when empty."""

    @property
    def pruned_through(self) -> int:
        """Events up to this offset may have been dropped."""

    @property
    def coordination(self) -> Coordination | None:
        """What its servers agree on; None for a log that has one server."""

    @property
    def outage(self) -> str:
        """Why nothing can be written now and what to do, for people; blank while it can.

        Its database is silent, or has just refused a write.
        """

    @property
    def refusal(self) -> str:
        """Why this server may no longer write the log, for people; blank while it may.

        Only a log with several servers can be taken from one: it was moved, or upgraded for newer
        servers.
        """

    async def start(self, on_commit: OnCommit, on_reset: OnReset = lambda: None) -> None:
        """Open the log and announce every commit from now on.

        Args:
            on_commit: See the module.
            on_reset: Called on the event loop when the log lost history, when events were pruned
                before they could be announced here, or when this server may no longer write the
                log (``refusal``). Only a log with several servers can.

        Raises:
            StoreUnavailable: The log cannot be opened; the message says why and what to do.
        """

    async def reached(self, offset: int) -> None:
        """Return when everything up to this offset of the log is announced here.

        Another server may have announced it first, to a reader that now comes here.

        Raises:
            StoreUnavailable: It takes too long.
        """

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        """Store the events together, in order.

        Args:
            events: Each has its id.
            by: The caller against whose limits the requests among them count; not in the log.
            condition: Checked in the commit, where several servers write the log.

        Raises:
            ConditionFailed: The condition does not hold.
            HitlError: The first refusal; then no event is stored.
        """

    async def append_scoped(
        self, events: Sequence[Event], key_scope: KeyScope, *, by: str | None = None
    ) -> list[Appended]:
        """Store the events as :meth:`append` does, if a caller with this scope may write them.

        Raises:
            Forbidden: An event names something that belongs to another caller (``ownership.py``).
        """

    async def read(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> list[Record]:
        """Return the next records with ``after < offset <= upto``, in order.

        It is one :func:`page`: ``limit`` records, or fewer when those are large.

        Scope ``pending`` reads the asking event and the latest claim of the requests that
        were open when ``upto`` was the top.
        """

    async def replay(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> Replayed:
        """Return what :meth:`read` does, and how far the log was pruned, in one snapshot."""

    async def offset_of(self, event_id: str) -> int | None:
        """Return the offset of an event, or None if the log does not (or no longer) have it."""

    async def request(self, request_id: str) -> Request | None:
        """Return the current state of a request."""

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a listing."""

    async def askers(self) -> dict[str, str]:
        """Return ``by`` of each open request that was appended with one."""

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many.

        Args:
            keep: Events to keep, counted from the top.
            before: Unix time. Events that were stored earlier are dropped too, but only up to the
                first that was not: a jump of the clock that gives one event a wrong early time
                drops no other event.
        """

    async def close(self) -> None:
        """Finish pending appends and release the log."""


def page(records: Iterable[Record], limit: int) -> list[Record]:
    """Return the first records: at most ``limit``, fewer if they fill ``PAGE_BYTES``."""
    taken: list[Record] = []
    size = 0
    for record in records:
        taken.append(record)
        size += len(record.body)
        if len(taken) >= limit or size >= limits.PAGE_BYTES:
            break
    return taken


def page_of_requests(
    listed: Iterable[T], read: Callable[[T], tuple[int, Request, int]], query: RequestQuery
) -> RequestPage:
    """Return one page of the requests that match the query's words.

    Args:
        listed: Requests that match the rest of the query, in order; only as many are read as the
            page needs.
        read: Returns the offset, the request and the size in bytes of one.
        query: The limit and the words.
    """
    found: list[Request] = []
    last: int | None = None
    size = looked_at = 0
    for seen, one in enumerate(listed):
        full = len(found) == query.limit or size >= limits.PAGE_BYTES
        searched = seen == limits.SEARCHED_REQUESTS or looked_at >= limits.SEARCHED_BYTES
        if full or (query.words and searched):
            return RequestPage(found, last)
        last, request, bytes_of_it = read(one)
        looked_at += bytes_of_it
        if is_found(request, query.words):
            found.append(request)
            size += bytes_of_it
    return RequestPage(found, None)


def is_full(records: Sequence[Record], limit: int) -> bool:
    """Return whether a page ended because it was full, so that there may be more."""
    return len(records) >= limit or sum(len(r.body) for r in records) >= limits.PAGE_BYTES


def commit_of(event: Event, offset: int, by: str | None = None) -> Commit:
    """Give an event its offset and return it in the form to store.

    Raises:
        TooLarge: It is larger than one event may be.
    """
    placed = msgspec.structs.replace(event, offset=offset)
    body = encode_event(placed)
    if len(body) > limits.MAX_EVENT_BYTES:
        raise TooLarge(
            f"an event of {len(body)} bytes is too large; the limit is {limits.MAX_EVENT_BYTES}: "
            "shorten its context, or store the content elsewhere and link to it",
            limit=limits.MAX_EVENT_BYTES,
        )
    record = Record(
        offset,
        event.event_id,
        event_type(event),
        event.execution_id,
        event.crew_id,
        body,
    )
    return Commit(record, placed, by)


def appended(record: Record, event: Event, *, duplicate: bool) -> Appended:
    """Return the result of appending the event."""
    return Appended(record, request_id_of(event), duplicate)


def announce(on_commit: OnCommit, commits: Sequence[Commit]) -> None:
    """Announce stored events; a failure of the listener is logged, and the events stay stored."""
    try:
        on_commit(commits)
    except Exception as error:  # noqa: BLE001 - isolates the log from its listeners
        note_fault(_log, "announcement_failed", error, offset=commits[-1].record.offset)
