"""A store in memory, with metadata: the guarantees in their simplest form, and nothing durable.

For tests and for a standalone server without a file. The same tests hold ``sqlite`` to the same
behaviour. Since memory is smaller than a disk, this store has bounds of its own: an append that
exceeds them drops a tenth of what they allow, oldest first, as pruning does.
"""

import itertools
import math
import time
import uuid
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence

import msgspec

from crewai_hitl_nb.protocol import limits, state
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.duplicates import check_same
from crewai_hitl_nb.protocol.events import Event, HumanInputRequired, request_id_of
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store import ownership
from crewai_hitl_nb.store.base import (
    NOT_NOW,
    Appended,
    Commit,
    Condition,
    ConditionFailed,
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
    appended,
    commit_of,
    page,
    page_of_requests,
)
from crewai_hitl_nb.store.coordination import Tenure
from crewai_hitl_nb.store.memory_files import MemoryFiles
from crewai_hitl_nb.store.ownership import Origin
from crewai_hitl_nb.store.trail import Entry, Tail, TrailPage, of_one_page


class _Kept(msgspec.Struct, frozen=True):
    """A stored event and the time at which it was stored (Unix time)."""

    record: Record
    event: Event
    stored_at: float
    entry: Entry


class MemoryStore:
    """Keeps everything in lists and dicts; see :class:`crewai_hitl_nb.store.base.Store`."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        most_events: int = limits.MEMORY_EVENTS,
        most_bytes: int = limits.MEMORY_LOG_BYTES,
    ) -> None:
        """Begin an empty log.

        Args:
            clock: Unix time, for retention by age.
            most_events: Events to keep, besides those of open requests.
            most_bytes: Bytes of their text to keep, likewise.
        """
        self.epoch = str(uuid.uuid4())
        self.top = 0
        self.pruned_through = 0
        self.coordination = None
        self.outage = ""
        self.refusal = ""
        self._clock = clock
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._bytes = 0
        self._bounds = most_events, most_bytes
        self._kept: dict[str, _Kept] = {}
        self._requests: dict[str, Request] = {}
        self.files = MemoryFiles(clock, self._requests.__contains__)
        self._asked_at: dict[str, int] = {}
        self._closed_at: dict[str, int] = {}
        self._asked_by: dict[str, str] = {}
        self._metadata: dict[str, bytes] = {}
        self._origins: dict[tuple[ownership.Scope, str], Origin] = {}
        self._tail = Tail(chain.start(self.epoch))
        self._pruned: list[Entry] = []
        self._trail_begins = 0
        """The trail begins after this offset."""
        self._on_commit: OnCommit = lambda commits: None

    async def start(
        self,
        on_commit: OnCommit,
        on_reset: OnReset = lambda: None,
    ) -> None:
        """Announce every commit from now on."""
        self._on_commit = on_commit

    async def reached(self, offset: int) -> None:
        """Do nothing: what is stored is announced."""

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        """Store the events together, in order."""
        if condition is not None and not condition.has_events(self._kept.__contains__):
            raise ConditionFailed(NOT_NOW)
        return self._append(events, by, None)

    async def append_scoped(
        self, events: Sequence[Event], key_scope: KeyScope, *, by: str | None = None
    ) -> list[Appended]:
        """Store the events if a caller with this scope may write them."""
        return self._append(events, by, key_scope)

    def _append(
        self, events: Sequence[Event], by: str | None, within: KeyScope | None
    ) -> list[Appended]:
        new: dict[str, _Kept] = {}
        # Changes go into a layer of their own, because copying all requests would be slow.
        requests = ChainMap[str, Request]({}, self._requests)
        results = []
        tail = Tail(self._tail.head)
        for event in events:
            before = self._kept.get(event.event_id) or new.get(event.event_id)
            if before is not None:
                check_same(before.record.body, event)
                results.append(appended(before.record, before.event, duplicate=True))
                continue
            if within is not None:
                ownership.check(within, event, _Owners(self, new, requests))
            commit = commit_of(event, tail.next_offset())
            _take(requests, commit.event)
            entry = _entry(commit.record, tail.sealed(commit.record.body))
            new[event.event_id] = _Kept(commit.record, commit.event, self._clock(), entry)
            results.append(appended(commit.record, event, duplicate=False))
        self.files.mark([kept.event for kept in new.values()])
        self._tail = tail
        self._commit(new, requests, by)
        if len(self._kept) > self._bounds[0] or self._bytes > self._bounds[1]:
            self._drop_a_tenth()
        return results

    def _commit(
        self, new: dict[str, _Kept], requests: ChainMap[str, Request], by: str | None
    ) -> None:
        self._kept.update(new)
        self._requests.update(requests.maps[0])
        for kept in new.values():
            self.top = kept.record.offset
            self._bytes += len(kept.record.body)
            for scope, _ in ownership.SCOPES:
                if (name := getattr(kept.event, scope)) is not None:
                    latest = ownership.first_of(kept.event, scope, kept.stored_at)
                    known = self._origins.get((scope, name))
                    self._origins[scope, name] = ownership.with_later(known, latest)
            request_id = request_id_of(kept.event)
            if request_id is not None:
                self._asked_at.setdefault(request_id, self.top)
                if requests[request_id].completion is kept.event:
                    self._closed_at[request_id] = self.top
                    self._asked_by.pop(request_id, None)
                elif by is not None and isinstance(kept.event, HumanInputRequired):
                    self._asked_by[request_id] = by
        if new:
            announce(self._on_commit, [Commit(k.record, k.event, by) for k in new.values()])

    def origin(self, scope: ownership.Scope, name: str) -> Origin | None:
        """Return how an execution or a crew was first published."""
        return self._origins.get((scope, name))

    def events(self) -> Iterable[Event]:
        """Return every event that is kept, in order."""
        return (kept.event for kept in self._kept.values())

    async def read(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> list[Record]:
        """Return the next records in order."""
        wanted = self._open_records(upto) if scope == "pending" else self._records()
        return page((r for r in wanted if after < r.offset <= upto and match(r)), limit)

    async def replay(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> Replayed:
        """Return the next records and how far the log was pruned, in one snapshot."""
        page = await self.read(match, after=after, upto=upto, limit=limit, scope=scope)
        return Replayed(page, self.pruned_through)

    def _records(self) -> Iterable[Record]:
        return (kept.record for kept in self._kept.values())

    def _open_records(self, upto: int) -> list[Record]:
        latest: dict[tuple[str, str], Record] = {}
        for kept in self._kept.values():
            request_id = request_id_of(kept.event)
            if request_id is None or kept.record.offset > upto:
                continue
            if self._closed_at.get(request_id, upto + 1) > upto:
                latest[request_id, kept.record.type] = kept.record
        return sorted(latest.values(), key=lambda record: record.offset)

    async def offset_of(self, event_id: str) -> int | None:
        """Return the offset of an event."""
        kept = self._kept.get(event_id)
        return kept.record.offset if kept else None

    async def request(self, request_id: str) -> Request | None:
        """Return the current state of a request."""
        return self._requests.get(request_id)

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a listing."""
        found = sorted(
            ((self._asked_at[name], request) for name, request in self._requests.items()),
            key=lambda pair: pair[0],
            reverse=query.newest_first,
        )
        if query.after is not None:
            sign = -1 if query.newest_first else 1
            found = [pair for pair in found if sign * pair[0] > sign * query.after]
        wanted = (
            (at, request)
            for at, request in found
            if _wanted(query, request) and self._closed_since(query.closed_after, request)
        )
        return page_of_requests(wanted, lambda pair: (*pair, self._size(pair[1])), query)

    def _closed_since(self, moment: float | None, request: Request) -> bool:
        if moment is None:
            return True
        closing = request.completion
        return closing is not None and self._kept[closing.event_id].stored_at >= moment

    def _size(self, request: Request) -> int:
        """Return the size in bytes of a request's events in a listing."""
        kept = self._kept[request.required.event_id]
        closing = self._kept.get(request.completion.event_id) if request.completion else None
        return len(kept.record.body) + (len(closing.record.body) if closing else 0)

    async def askers(self) -> dict[str, str]:
        """Return who asked the open requests."""
        return dict(self._asked_by)

    async def prune(self, *, keep: int, before: float) -> int:
        """Drop old events and return how many."""
        young = (k.record.offset for k in self._kept.values() if k.stored_at >= before)
        dropped = self._drop(max(self.top - keep, next(young, self.top + 1) - 1))
        self._forget_origins(before)
        return dropped

    def _drop_a_tenth(self) -> None:
        """Drop old events until the log is below its bounds, as far as open requests allow."""
        events = len(self._kept) - self._most_events * 9 // 10
        size = self._bytes - self._most_bytes * 9 // 10
        through = 0
        for kept in self._kept.values():
            if events <= 0 and size <= 0:
                break
            if not self._is_of_open_request(kept):
                events -= 1
                size -= len(kept.record.body)
                through = kept.record.offset
        self._drop(through)
        # Open requests stay however old they are, so they do not count for the oldest age.
        passing = (k.stored_at for k in self._kept.values() if not self._is_of_open_request(k))
        self._forget_origins(min(passing, default=self._clock()))
        # The rest may be open requests: it is checked again after another tenth has been appended.
        self._bounds = (
            max(self._most_events, len(self._kept) + self._most_events // 10),
            max(self._most_bytes, self._bytes + self._most_bytes // 10),
        )

    def _drop(self, through: int) -> int:
        gone = [kept for kept in self._kept.values() if self._prunable(kept, through)]
        for kept in gone:
            del self._kept[kept.record.event_id]
            self._bytes -= len(kept.record.body)
            self._pruned.append(msgspec.structs.replace(kept.entry, body=None))
        self._pruned.sort(key=lambda entry: entry.offset)
        oldest = self._oldest()
        older = sum(entry.offset < oldest for entry in self._pruned)
        del self._pruned[: max(0, older - 1)]
        # An open request may be older than very many of them; then the trail begins later.
        if (too_many := len(self._pruned) - self._most_events) > 0:
            del self._pruned[:too_many]
            self._trail_begins = self._pruned[0].offset
        for request_id in [r for r, at in self._closed_at.items() if at <= through]:
            del self._requests[request_id], self._asked_at[request_id], self._closed_at[request_id]
        if gone:
            self.pruned_through = max(self.pruned_through, through)
        return len(gone)

    def _forget_origins(self, before: float) -> None:
        kept = {
            (scope, getattr(kept.event, scope))
            for scope, _ in ownership.SCOPES
            for kept in self._kept.values()
        }
        for scoped, origin in list(self._origins.items()):
            if origin.last < before and scoped not in kept:
                del self._origins[scoped]

    def _is_of_open_request(self, kept: _Kept) -> bool:
        request_id = request_id_of(kept.event)
        return request_id is not None and request_id not in self._closed_at

    def _prunable(self, kept: _Kept, through: int) -> bool:
        if kept.record.offset > through:
            return False
        request_id = request_id_of(kept.event)
        if request_id is None:
            return True
        return self._closed_at.get(request_id, through + 1) <= through

    async def trail(self, *, after: int, limit: int) -> TrailPage:
        """Return the next entries of the trail."""
        every = sorted(
            [*self._pruned, *(kept.entry for kept in self._kept.values())],
            key=lambda entry: entry.offset,
        )
        begin, behind = chain.start(self.epoch), max(after, self._trail_begins)
        for entry in every:
            if entry.offset <= behind or entry.offset < self._oldest():
                begin = chain.Head(entry.offset, entry.seal)
        page = [entry for entry in every if entry.offset > begin.offset]
        return TrailPage(begin, of_one_page(page[:limit]), self._tail.head, self.epoch)

    def _oldest(self) -> float:
        kept = next(iter(self._kept.values()), None)
        return kept.record.offset if kept else math.inf

    async def get_metadata(self, prefix: str) -> dict[str, bytes]:
        """Return the documents whose name begins with the prefix."""
        return {name: body for name, body in self._metadata.items() if name.startswith(prefix)}

    async def put_metadata(self, name: str, body: bytes, *, tenure: Tenure | None = None) -> None:
        """Write a document."""
        self._metadata[name] = body

    async def put_metadata_once(self, name: str, body: bytes) -> bytes:
        """Write a document unless there is one; return the one that is kept."""
        return self._metadata.setdefault(name, body)

    async def delete_metadata(self, name: str, *, tenure: Tenure | None = None) -> None:
        """Delete a document."""
        self._metadata.pop(name, None)

    async def newest(self) -> float | None:
        """Return when the newest event was stored."""
        kept = next(reversed(self._kept.values()), None)
        return kept.stored_at if kept else None

    async def close(self) -> None:
        """Do nothing: memory needs no closing."""


class _Owners:
    """The owners that the log records, including the events of an append in progress."""

    def __init__(
        self, store: MemoryStore, new: dict[str, _Kept], requests: Mapping[str, Request]
    ) -> None:
        self._store = store
        self._new = new
        self._requests = requests

    def origin(self, scope: ownership.Scope, name: str) -> Origin | None:
        """Return how an execution or a crew was first published."""
        known = self._store.origin(scope, name)
        for kept in self._new.values() if known is None else ():
            if getattr(kept.event, scope) == name:
                return ownership.first_of(kept.event, scope, kept.stored_at)
        return known

    def published_together(self, execution_id: str, crew_id: str) -> bool:
        """Return whether an event of this execution names this crew."""
        every = itertools.chain(self._store.events(), (kept.event for kept in self._new.values()))
        return any((e.execution_id, e.crew_id) == (execution_id, crew_id) for e in every)

    def asked(self, request_id: str) -> HumanInputRequired | None:
        """Return the question of a request."""
        request = self._requests.get(request_id)
        return request.required if request is not None else None


def _wanted(query: RequestQuery, request: Request) -> bool:
    event = request.required
    pairs = (
        (query.execution_id, event.execution_id),
        (query.crew_id, event.crew_id),
        (query.kind, event.kind),
        (query.assignee, event.assignee),
    )
    if query.within is not None and not query.within.covers(event):
        return False
    is_closed = request.status != "pending"
    if query.status not in (None, request.status, "closed" if is_closed else None):
        return False
    return all(want is None or want == have for want, have in pairs)


def _take(requests: MutableMapping[str, Request], event: Event) -> None:
    request_id = request_id_of(event)
    if request_id is None:
        return
    before = requests.get(request_id)
    after = state.step(before, event)
    if after is None:
        raise state.refusal(request_id, before, event)
    requests[request_id] = after


def _entry(record: Record, seal: bytes) -> Entry:
    return Entry(
        record.offset,
        seal,
        chain.digest(record.body),
        record.body,
        record.execution_id,
        record.crew_id,
    )
