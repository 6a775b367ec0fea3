"""Follows each request from the commit that opens it to the commit that closes it.

While a request is open, its timers run (``requests/deadlines.py``), its waiting process is watched
(``requests/presence.py``), and it counts against the caller who asked it. When its time is over, or
its process is lost, ``requests/closers.py`` stores the event that closes it, and that commit comes
back here.

Above is the broker, which passes on every commit and delivers the events to readers by itself.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from crewai_hitl_nb.broker import request_lines
from crewai_hitl_nb.broker.counters import RequestCounters
from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.broker.requests.closers import RequestClosers
from crewai_hitl_nb.broker.requests.deadlines import Deadlines
from crewai_hitl_nb.broker.requests.open_requests import OpenRequests
from crewai_hitl_nb.broker.requests.presence import Presence, Waiter
from crewai_hitl_nb.broker.trusted_clock import TrustedClock
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputRequired, source_of
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.protocol.wire import encode_event
from crewai_hitl_nb.store.base import Commit, RequestQuery
from crewai_hitl_nb.store.metadata import MetadataStore

_log = logger(__name__)


class RequestLifecycle:
    """The open requests, with their timers and their waiting processes.

    Attributes:
        open: The open requests.
        askers: Who asked each of them, where that is known.
        counters: How many were asked, and how they ended, since this server started.
        presence: The processes that wait.
    """

    def __init__(
        self,
        store: MetadataStore,
        clock: Callable[[], datetime],
        names: StableEventIds,
        *,
        trusted: TrustedClock,
        presence_grace: float,
        retry_seconds: float,
    ) -> None:
        """Take the broker's store, which the broker starts and closes.

        Args:
            store: Where events are kept.
            clock: The wall clock, aware.
            names: Makes the ids of events that happen at most once.
            trusted: Knows whether the wall clock is trusted.
            presence_grace: Seconds that a waiting process may be disconnected.
            retry_seconds: Pause before an end that could not be stored is stored again.
        """
        self._store = store
        self._clock = clock
        self._trusted = trusted
        self.open = OpenRequests()
        self.askers: dict[str, str] = {}
        self.counters = RequestCounters()
        self.presence = Presence(self._on_lost, presence_grace)
        self._closers = RequestClosers(store, clock, names, retry_seconds=retry_seconds)
        self._deadlines = Deadlines(
            self._closers.due, self._closers.remind, clock, trusted=trusted.is_trusted
        )

    async def start(self) -> None:
        """Watch the requests that are open in the log."""
        self.askers = await self._store.askers()
        after: int | None = None
        while True:
            page = await self._store.requests(
                RequestQuery(status="pending", after=after, limit=limits.MAX_PAGE_REQUESTS)
            )
            for request in page.requests:
                size = len(encode_event(request.required))
                for part in self._opened(request.required, size):
                    part()
            if (after := page.next) is None:
                break

    async def close(self) -> None:
        """Stop all timers, and finish the events that are being stored."""
        self._deadlines.close()
        self.presence.close()
        await self._closers.close()

    def follow(self, commit: Commit) -> None:
        """Do what a commit causes beside its delivery.

        A failure is logged and stops nothing else: the event is committed, and its readers get it.
        """
        for part in self._parts_of(commit):
            _attempt(part, commit.record.offset)

    def waited_for_since(self, moment: datetime) -> bool:
        """Whether a process waits for an answer that it asked for after ``moment``."""
        since = moment - (
            self._clock() - self._trusted()
        )  # a wrong clock makes no question look old
        return any(
            required.source.id is not None and required.timestamp > since for required in self.open
        )

    def _parts_of(self, commit: Commit) -> Iterator[Callable[[], None]]:
        """Yield the consequences of a commit, each by itself."""
        event = commit.event
        source_id = source_of(event)
        if source_id is not None:
            self.presence.named(Waiter(commit.by, source_id))
        if isinstance(event, HumanInputRequired):
            if commit.by is not None:
                self.askers[event.request_id] = commit.by
            yield from self._opened(event, len(commit.record.body))
            yield partial(self.counters.opened, event)
        elif isinstance(event, ClosingEvent) and event.request_id is not None:
            required = self.open.closed(event.request_id)
            self.askers.pop(event.request_id, None)
            yield partial(self._deadlines.closed, event.request_id)
            if required is not None:
                yield partial(self.counters.closed, required, event)
        yield partial(request_lines.tell, event, commit.record.offset)

    def _opened(self, asked: HumanInputRequired, size: int) -> Iterator[Callable[[], None]]:
        waiter = self._waiter_of(asked)
        required = self.open.opened(asked, size, waiter)
        yield partial(self._deadlines.opened, required)
        if waiter is not None:
            self.presence.named(waiter)
            yield partial(self.presence.expected, waiter)

    def _waiter_of(self, required: HumanInputRequired) -> Waiter | None:
        source_id = required.source.id
        if source_id is None:
            return None
        return Waiter(self.askers.get(required.request_id), source_id)

    def _on_lost(self, waiter: Waiter) -> None:
        for required in self.open.awaited_by(waiter):
            self._closers.lost(required)


def _attempt(part: Callable[[], None], offset: int) -> None:
    """Run one consequence of a commit; a failure is logged and stops no other."""
    try:
        part()
    except Exception as error:  # noqa: BLE001 - isolates one part from all others
        note_fault(_log, "commit_not_followed", error, offset=offset)
