"""Follows each request from the commit that opens it to the commit that closes it.

While a request is open, its timers run (``requests/deadlines.py``), its waiting process is watched
(``requests/presence.py``), and it counts against the caller who asked it. When its time is over, or
its process is lost, ``requests/closers.py`` stores the event that closes it, and that commit comes
back here.

Above is the broker, which passes on every commit and delivers the events to readers by itself.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from crewai_hitl_nb.broker import request_lines
from crewai_hitl_nb.broker.counters import RequestCounters
from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.broker.requests.closers import RequestClosers
from crewai_hitl_nb.broker.requests.deadlines import Deadlines
from crewai_hitl_nb.broker.requests.open_requests import OpenRequests
from crewai_hitl_nb.broker.requests.presence import Presence, Waiter
from crewai_hitl_nb.broker.requests.rules import Rules
from crewai_hitl_nb.broker.requests.shared_presence import SharedPresence
from crewai_hitl_nb.broker.trusted_clock import TrustedClock
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.events import ClosingEvent, HumanInputRequired, source_of
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.protocol.wire import decode_event
from crewai_hitl_nb.store.base import EVERYTHING, Commit
from crewai_hitl_nb.store.metadata import MetadataStore

_DUTY_SECONDS: Final = 2.0
"""How often a server without the duty looks whether it has it now, for each request that is due."""

OnAsked = Callable[[str, str, int], None]
"""Takes the caller who asked a request, the request's id, and its size in the log in bytes."""

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
        on_asked: OnAsked,
        rules: Rules,
    ) -> None:
        """Take the broker's store, which the broker starts and closes.

        Args:
            store: Where events are kept.
            clock: The wall clock, aware.
            names: Makes the ids of events that happen at most once.
            trusted: Knows whether the wall clock is trusted.
            presence_grace: Seconds that a waiting process may be disconnected.
            retry_seconds: Pause before an end that could not be stored is stored again.
            on_asked: Called for each open request whose asker is known.
            rules: Answers the questions that a rule allows.
        """
        self._store = store
        self._rules = rules
        self._on_asked = on_asked
        self._clock = clock
        self._trusted = trusted
        self.open = OpenRequests()
        self.askers: dict[str, str] = {}
        self.counters = RequestCounters()
        self.presence: Presence | SharedPresence = (
            Presence(self._on_lost, presence_grace)
            if store.coordination is None
            else SharedPresence(store.coordination, self._on_found_lost, presence_grace)
        )
        self._grace = presence_grace
        self._following = False
        self._early: list[Commit] = []
        self._reading: asyncio.Task[None] | None = None
        self._closers = RequestClosers(store, clock, names, retry_seconds=retry_seconds)
        self._deadlines = Deadlines(
            self._on_duty(self._closers.due),
            self._on_duty(self._closers.remind),
            clock,
            trusted=trusted.is_trusted,
        )

    async def start(self) -> None:
        """Watch the requests that are open in the log."""
        reading = self._reading = asyncio.ensure_future(self._read())
        await asyncio.wait([reading])
        if not reading.cancelled():  # by a reset of the log, which is then read again
            reading.result()
        await self.presence.start()

    def read_again(self) -> None:
        """Read the open requests anew, because the log is another one now.

        Until they are read, those known before still count against the caps.
        """
        self._following = False
        self._early.clear()
        self._deadlines.clear()
        if self._reading is not None:
            self._reading.cancel()  # what it has read is of the log before
        self._reading = asyncio.ensure_future(self._read_in_time())

    async def _read_in_time(self) -> None:
        while True:
            try:
                return await self._read()
            except StoreUnavailable as error:
                _log.warning("the open requests cannot be read: %s", error)
            except Exception as error:  # noqa: BLE001 - what is committed waits for it
                note_fault(_log, "requests_not_read", error)
            await asyncio.sleep(_DUTY_SECONDS)

    async def _read(self) -> None:
        """Read the open requests.

        Other servers may write meanwhile: their commits wait until the requests of the moment
        when this began are known.
        """
        after, upto = 0, self._store.top
        gone = {required.request_id for required in self.open}
        self.askers.update(await self._store.askers())
        while after < upto:
            records = await self._store.read(
                EVERYTHING, after=after, upto=upto, limit=limits.MAX_PAGE_REQUESTS, scope="pending"
            )
            if not records:
                break
            for record in records:
                event = decode_event(record.body)
                if isinstance(event, HumanInputRequired):  # and not the claim of a request
                    gone.discard(event.request_id)
                    for part in self._opened(event, len(record.body)):
                        part()
            after = records[-1].offset
        for request_id in gone:
            self.open.closed(request_id)
            self.askers.pop(request_id, None)
        self._following, early, self._early = True, self._early, []
        for commit in early:
            self.follow(commit)

    async def close(self) -> None:
        """Stop all timers, and finish the events that are being stored."""
        self._deadlines.clear()
        if self._reading is not None:
            self._reading.cancel()
        self.open.clear()  # ends what waits for the duty
        await self.presence.close()
        await self._rules.close()
        await self._closers.close()

    def follow(self, commit: Commit) -> None:
        """Do what a commit causes beside its delivery.

        A failure is logged and stops nothing else: the event is committed, and its readers get it.
        """
        if not self._following:
            self._early.append(commit)
            return
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
            if commit.own:
                yield partial(self.counters.opened, event)
                yield partial(self._rules.asked, event, commit.by)
        elif isinstance(event, ClosingEvent) and event.request_id is not None:
            required = self.open.closed(event.request_id)
            self.askers.pop(event.request_id, None)
            yield partial(self._deadlines.closed, event.request_id)
            if required is not None and commit.own:
                yield partial(self.counters.closed, required, event)
        if commit.own:  # each server counts and logs what it stored
            yield partial(request_lines.tell, event, commit.record.offset)

    def _opened(self, asked: HumanInputRequired, size: int) -> Iterator[Callable[[], None]]:
        waiter = self._waiter_of(asked)
        required = self.open.opened(asked, size, waiter)
        yield partial(self._deadlines.opened, required)
        if (caller := self.askers.get(asked.request_id)) is not None:
            yield partial(self._on_asked, caller, asked.request_id, size)
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
            self._closers.lost(required, waiter, self._grace)

    def _on_found_lost(self, request_ids: Sequence[str]) -> None:
        for request_id in request_ids:
            required = self.open.get(request_id)
            if required is not None and (waiter := self._waiter_of(required)) is not None:
                self._closers.lost(required, waiter, self._grace)

    def _on_duty(
        self, then: Callable[[HumanInputRequired], None]
    ) -> Callable[[HumanInputRequired], None]:
        """Return ``then``, called when this server has the duty; later if it gets it later."""
        coordination = self._store.coordination
        if coordination is None:
            return then

        def act(required: HumanInputRequired) -> None:
            if self.open.get(required.request_id) is not required:
                return  # it has ended, or was read again
            if coordination.tenure("deadlines") is not None:
                then(required)
            else:
                asyncio.get_running_loop().call_later(_DUTY_SECONDS, act, required)

        return act


def _attempt(part: Callable[[], None], offset: int) -> None:
    """Run one consequence of a commit; a failure is logged and stops no other."""
    try:
        part()
    except Exception as error:  # noqa: BLE001 - isolates one part from all others
        note_fault(_log, "commit_not_followed", error, offset=offset)
