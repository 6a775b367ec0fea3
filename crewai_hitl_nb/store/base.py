"""What a store promises.

Guarantees, held for every store by one body of tests (``tests/store/``):

* **Order.** Offsets are 1, 2, 3 … without repetition, also after pruning and restarts.
* **Atomic.** The events of one ``append`` are stored together, or none of them is.
* **Durable before visible.** ``append`` returns, and ``on_commit`` is called, only when a
  crash of the process can no longer take the events back. ``on_commit`` is called on the
  event loop, once per commit, in offset order, and before ``append`` returns. Whatever it
  raises is logged: the events are stored, and so ``append`` says.
* **Idempotent.** An event that is in the log is not stored again; the stored record is
  returned as a duplicate. Another event of the same id is refused with ``EventExists``
  (``protocol/duplicates.py``). After its event was pruned an id counts as new.
* **One end.** A request event that the protocol's transition table has no row for is
  refused with the error of :func:`crewai_hitl_nb.protocol.state.refusal`, so a log never
  holds two closing events of one request.
* **Ownership.** Which crew an execution was first published under, and the reverse, is known
  across restarts and pruning; ``append_scoped`` refuses by it.
* **Open requests stay.** Pruning never takes an event of a request that is pending, and
  takes a request's events only together.

Not promised: that two processes share a store. One process owns it at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, Protocol, TypeVar

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable, TooLarge
from crewai_hitl_nb.protocol.events import Event, event_type, request_id_of
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.protocol.search import is_found
from crewai_hitl_nb.protocol.state import Listed, Request
from crewai_hitl_nb.protocol.wire import encode_event

T = TypeVar("T")

_log = logger(__name__)


class StoreInUse(StoreUnavailable):
    """Another process owns the store."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A stored event: its place, what filters need, and the encoded event itself.

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
        """Name it without its texts."""
        return f"Record(offset={self.offset}, event_id={self.event_id!r})"


class Appended(msgspec.Struct, frozen=True, gc=False):
    """What became of one event of an ``append``."""

    record: Record
    request_id: str | None
    duplicate: bool


class Commit(msgspec.Struct, frozen=True, gc=False):
    """A newly stored event, typed and as a record; and who published it, where that is known."""

    record: Record
    event: Event
    by: str | None = None


class Replayed(msgspec.Struct, frozen=True):
    """One page of a replay, and how far the log was pruned in that same view of it.

    A reader that stood before ``pruned_through`` may have missed events; one page and the next
    are two views of the log, and it may be pruned between them.
    """

    records: list[Record]
    pruned_through: int


class KeyScope(msgspec.Struct, frozen=True):
    """What a limited key may read: events of these executions, and of these crews.

    It may write less: see ``ownership.py``.
    """

    executions: frozenset[str]
    crews: frozenset[str]

    def covers(self, of: "Record | Event") -> bool:
        """Say whether an event is in scope."""
        return of.execution_id in self.executions or of.crew_id in self.crews

    def describe(self) -> str:
        """Name what is in scope, for people."""
        return ", ".join(
            [f"execution `{name}`" for name in sorted(self.executions)]
            + [f"crew `{name}`" for name in sorted(self.crews)]
        )


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a reader wants; None wants all."""

    execution_id: str | None = None
    crew_id: str | None = None
    types: frozenset[str] | None = None
    within: KeyScope | None = None

    def __call__(self, record: Record) -> bool:
        """Say whether the reader wants the record."""
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
        status: None lists all, ``closed`` all that are not pending.
        execution_id: Only of this execution; None lists all, here and below.
        crew_id: Only of this crew.
        kind: Only of this kind.
        assignee: Only those assigned to this person.
        words: Only those that contain all of them (``protocol/search.py``).
        within: Only what is in the scope of this key.
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
    within: KeyScope | None = None
    newest_first: bool = False
    after: int | None = None
    limit: int = limits.DEFAULT_PAGE_REQUESTS


class RequestPage(msgspec.Struct, frozen=True):
    """Some requests, and the offset to go on after (None at the end).

    A page ends as well when its requests are large. One of a search may hold few or none and
    still not be the last: it ends when it has looked through as many as one page may.
    """

    requests: Sequence[Request]
    next: int | None


Scope = Literal["all", "pending"]
"""What a replay reads: every event, or those of the requests that are open at its top."""

OnCommit = Callable[[Sequence[Commit]], None]


class Store(Protocol):
    """An append-only log and the fold of its requests. See the module for its guarantees.

    Every method but ``start`` may raise ``StoreUnavailable``: nothing was changed, and the
    same call may succeed later.
    """

    @property
    def epoch(self) -> str:
        """Name of this log's life; another one means that history was lost."""

    @property
    def top(self) -> int:
        """Offset of the last event that ``on_commit`` has announced; 0 when empty."""

    @property
    def pruned_through(self) -> int:
        """No event at or below this offset is sure to be there."""

    async def start(self, on_commit: OnCommit) -> None:
        """Open the log and announce from now on what is committed.

        Raises:
            StoreUnavailable: Saying what is in the way and what to do.
        """

    async def append(self, events: Sequence[Event], *, by: str | None = None) -> list[Appended]:
        """Store the events together, in order.

        Args:
            events: Each has its id.
            by: Whose limits the requests among them count for; no part of the log.

        Raises:
            HitlError: The first refusal; then none of the events is stored.
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
        """Return what :meth:`read` does, with how far the log was pruned: both from one view."""

    async def offset_of(self, event_id: str) -> int | None:
        """Return the place of an event, or None when it is not (or no longer) there."""

    async def request(self, request_id: str) -> Request | None:
        """Return a request as it stands."""

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a listing."""

    async def askers(self) -> dict[str, str]:
        """Return ``by`` of each open request for which it was said."""

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many.

        Args:
            keep: Events to keep, counted from the top.
            before: Unix time; events stored earlier are dropped too, up to the first that was
                not: one that bears an early time because the clock jumped takes none along.
        """

    async def close(self) -> None:
        """Finish what was appended and let go of the log."""


def page(records: Iterable[Record], limit: int) -> list[Record]:
    """Return the first records: as many as the limit says, or as are read and sent at once."""
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
    """Return the first requests that are wanted, of those that all else but the words left over.

    Args:
        listed: They, in order; no more of them is read than the page needs.
        read: Gives the place, the request and the size in bytes of one.
        query: Says how many, and the words.
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
    """Say whether a page ended because it was full, so that there may be more."""
    return len(records) >= limit or sum(len(r.body) for r in records) >= limits.PAGE_BYTES


def commit_of(event: Event, offset: int, by: str | None = None) -> Commit:
    """Give an event its place and return it as it is to be stored.

    Raises:
        TooLarge: It is over the size that one event may have.
    """
    placed = msgspec.structs.replace(event, offset=offset)
    body = encode_event(placed)
    if len(body) > limits.MAX_EVENT_BYTES:
        raise TooLarge(
            f"an event of {len(body)} bytes; at most {limits.MAX_EVENT_BYTES} are kept: "
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
    """Return what became of the event."""
    return Appended(record, request_id_of(event), duplicate)


def announce(on_commit: OnCommit, commits: Sequence[Commit]) -> None:
    """Announce stored events; a failure of a listener neither undoes nor delays the append."""
    try:
        on_commit(commits)
    except Exception as error:  # noqa: BLE001 - isolates the log from its listeners
        note_fault(_log, "announcement_failed", error, offset=commits[-1].record.offset)
