"""The broker: publishes into a store, fans out, and decides about requests.

It is what handlers talk to, and knows the order of things; ``lifecycle.py`` follows the requests,
``requests/`` decides about them, and ``delivery/`` brings events to readers. Guarantees to the
layer above:

* A subscription sees the log in offset order, each event once (``delivery/subscription.py``).
* ``publish``, ``answer``, ``claim`` and ``cancel`` return when the event is durable and on its
  way to every reader. A publisher that outruns delivery waits (backpressure).
* Of racing answers one wins; the others raise with the winner (``requests/answers.py``).
* A request expires at its deadline (``requests/deadlines.py``) and is cancelled when the process
  that waits for it is gone (``requests/presence.py``). Neither becomes an approval, unless the
  request names that as its default.

It lives on one event loop and is not thread-safe.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial

from crewai_hitl_nb.broker.counters import RequestCounters
from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.broker.delivery.fanout import Fanout
from crewai_hitl_nb.broker.delivery.subscription import Closed, SlowReader, Start, Subscription
from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.broker.lifecycle import OnAsked, RequestLifecycle
from crewai_hitl_nb.broker.reader_counts import Ending, Reader, Readers
from crewai_hitl_nb.broker.requests.admission import Admission
from crewai_hitl_nb.broker.requests.closers import RETRY_SECONDS
from crewai_hitl_nb.broker.requests.decisions import Decisions
from crewai_hitl_nb.broker.requests.presence import Waiter
from crewai_hitl_nb.broker.requests.request_files import RequestFiles
from crewai_hitl_nb.broker.requests.rules import MayAnswer, Rules, anybody
from crewai_hitl_nb.broker.trusted_clock import TrustedClock
from crewai_hitl_nb.broker.visibility import is_named, is_taken
from crewai_hitl_nb.protocol import limits, state
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import StoreUnavailable, TooMany
from crewai_hitl_nb.protocol.events import CancelReason, Event
from crewai_hitl_nb.protocol.frames import Heartbeat
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.protocol.rules import Standing
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.base import Appended, Commit, KeyScope, Match, RequestPage, RequestQuery
from crewai_hitl_nb.store.coordination import ShareFigures
from crewai_hitl_nb.store.histograms import CommitFigures, Histogram
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.trail import TrailPage

_log = logger(__name__)


def utc_now() -> datetime:
    """Return the wall clock's time."""
    return datetime.now(timezone.utc)


class Broker:
    """See the module. Start it before use, and close it when done."""

    def __init__(  # noqa: PLR0913 - every option of a broker, by keyword
        self,
        store: MetadataStore,
        *,
        clock: Callable[[], datetime] = utc_now,
        presence_grace: float = limits.PRESENCE_GRACE_SECONDS,
        heartbeat_seconds: float = limits.HEARTBEAT_SECONDS,
        buffer_events: int = limits.BUFFER_EVENTS,
        max_subscriptions: int = limits.MAX_SUBSCRIPTIONS,
        max_pending: int = limits.MAX_PENDING_REQUESTS,
        max_pending_bytes: int = limits.MAX_PENDING_BYTES,
        retry_seconds: float = RETRY_SECONDS,
        on_asked: OnAsked = lambda caller, request_id, size: None,
        may_answer: MayAnswer = anybody,
    ) -> None:
        """Take a store that is not started yet; the broker starts and closes it.

        Args:
            store: Where events are kept.
            clock: The wall clock, aware.
            presence_grace: Seconds that a waiting process may be disconnected.
            heartbeat_seconds: Seconds without an event after which readers get a heartbeat.
            buffer_events: Live events that wait for one slow reader.
            max_subscriptions: Most readers at once.
            max_pending: Most open requests at once.
            max_pending_bytes: Most bytes that they may take in the log.
            retry_seconds: Pause before an end that could not be stored is stored again.
            on_asked: Called for each open request whose asker is known.
            may_answer: Whether a caller may answer a question now.
        """
        self._store = store
        self._clock = clock
        self._trusted = TrustedClock(clock)
        self._buffer_events = buffer_events
        self._max_subscriptions = max_subscriptions
        self.buffers = Buffers()
        self.readers = Readers()
        self._fanout = Fanout(self.heartbeat, heartbeat_seconds=heartbeat_seconds)
        self._stopped = False
        self._names = StableEventIds()
        self._rules = Rules(store, clock, self._names, self._trusted, may_answer)
        self._lifecycle = RequestLifecycle(
            store,
            clock,
            self._names,
            trusted=self._trusted,
            presence_grace=presence_grace,
            retry_seconds=retry_seconds,
            on_asked=on_asked,
            rules=self._rules,
        )
        self._admission = Admission(
            self._lifecycle.open,
            self.request,
            max_pending=max_pending,
            max_pending_bytes=max_pending_bytes,
        )
        self.files = RequestFiles(store.files, self.request)
        self._decisions = Decisions(
            store,
            clock,
            self._names,
            self._lifecycle.open,
            self.request,
            self._rules,
            self._lifecycle.askers,
        )

    @property
    def epoch(self) -> str:
        """Name of the log's life."""
        return self._store.epoch

    @property
    def outage(self) -> str:
        """Why nothing can be written to the log now, for people; blank while it can."""
        return self._store.outage

    @property
    def refusal(self) -> str:
        """Why this server may no longer write the log, for people; blank while it may."""
        return self._store.refusal

    @property
    def top(self) -> int:
        """Offset of the last announced event."""
        return self._store.top

    def heartbeat(self, offset: int | None = None) -> Heartbeat:
        """Return a heartbeat: the time, and how far the reader is.

        Args:
            offset: It has been sent all that it wants up to here; None for the log's top.
        """
        return Heartbeat(self._clock(), self.epoch, self.top if offset is None else offset)

    @property
    def pending_count(self) -> int:
        """How many requests are open."""
        return len(self._lifecycle.open)

    def pending_by_kind(self) -> Counter[str]:
        """How many of each kind are open."""
        return Counter(required.kind for required in self._lifecycle.open)

    @property
    def request_counters(self) -> RequestCounters:
        """How many requests were asked, and how they ended, since this server started."""
        return self._lifecycle.counters

    @property
    def askers(self) -> Mapping[str, str]:
        """Who asked each open request, where that is known."""
        return self._lifecycle.askers

    @property
    def fanout_seconds(self) -> Histogram:
        """How long fan-outs take, from the commit to the last send."""
        return self._fanout.seconds

    @property
    def share_figures(self) -> ShareFigures | None:
        """How this server stands among those that share its log; None if it has the log alone."""
        return getattr(self._store, "share_figures", None)

    @property
    def commit_figures(self) -> CommitFigures | None:
        """Timings of the store's commits; None for a store in memory."""
        return getattr(self._store, "figures", None)

    def is_pending(self, request_id: str, within: KeyScope | None = None) -> bool:
        """Whether this request is open, and in key_scope."""
        required = self._lifecycle.open.get(request_id)
        return required is not None and (within is None or within.covers(required))

    @property
    def subscription_count(self) -> int:
        """How many readers there are."""
        return sum(self.readers.by_transport.values())

    @property
    def audience_count(self) -> int:
        """How many of them share rounds of delivery and have no task of their own."""
        return self._fanout.sinks

    def waited_for_since(self, moment: datetime) -> bool:
        """Whether a process waits for an answer that it asked for after ``moment``."""
        return self._lifecycle.waited_for_since(moment)

    async def start(self) -> None:
        """Open the store and watch the requests that are still open.

        Raises:
            StoreUnavailable: The store cannot be opened; the message says what to do.
        """
        await self._store.start(self._on_commit, self._on_reset)
        await self._names.load(self._store)
        await self._trusted.start(self._store)
        await self._lifecycle.start()

    async def close(self) -> None:
        """End every subscription (they may resume elsewhere), then close the store."""
        self._stopped = True
        self._fanout.end(Closed())
        self.buffers.close()
        await self._lifecycle.close()
        await self._trusted.save(self._store)
        await self._store.close()

    # ---- writing

    async def publish(
        self, events: Sequence[Event], by: str | None = None, within: KeyScope | None = None
    ) -> list[Appended]:
        """Append events together; all are durable when this returns, and on their way.

        Args:
            events: Each has its id.
            by: The caller: requests count against their limits, and wait for their process.
            within: The scope of the caller's key; None for a key without limits.

        Raises:
            Forbidden: An event names an execution or a crew of another caller.
            InvalidAnswer: A published answer does not fit its request.
            InvalidEvent: An event about a request names another execution, crew, task or agent.
            Settled: An event asks a request again, is about a closed one, or has the id of
                another event; no event of the batch was stored.
            UnknownRequest: An event is about a request that was never asked.
            TooMany: Too many requests are open.
            StoreUnavailable: The log cannot be written now; ids make trying again safe.
        """
        admitted = await self._admission.admit(events)
        if within is None:
            appended = await self._store.append(admitted, by=by)
        else:
            appended = await self._store.append_scoped(admitted, within, by=by)
        await self._fanout.room()
        return appended

    async def answer(
        self, request_id: str, answer: Answer, name: str, caller: str = "", *, on_page: bool = False
    ) -> Appended:
        """Answer a request in the name of a person: see ``Decisions.answer``.

        Raises:
            Forbidden: The caller asked the request itself, and would allow further calls.
            InvalidAnswer: The answer does not fit; the request stays open.
            UnknownRequest: It was never asked here.
            AlreadyAnswered: Another answer won.
            RequestCancelled: It was cancelled.
            RequestExpired: The deadline passed.
        """
        return await self._decisions.answer(request_id, answer, name, caller, on_page=on_page)

    async def claim(self, request_id: str, name: str, via: str) -> Appended:
        """Record that a person is working on an answer. Raises like :meth:`answer`."""
        return await self._decisions.claim(request_id, name, via)

    async def cancel(
        self,
        request_id: str,
        reason: CancelReason,
        message: str = "",
        within: KeyScope | None = None,
    ) -> Appended:
        """Close a request without an answer. Raises like :meth:`publish`."""
        return await self._decisions.cancel(request_id, reason, message, within)

    async def revoke_rule(self, rule_id: str, name: str, via: str) -> Standing:
        """End a rule in the name of a person; return it. Nothing happens if it has ended.

        Raises:
            NotFound: There is no such rule.
        """
        one = await self._rules.find(rule_id)
        await self._rules.revoke(one, name, via)
        return one

    # ---- reading

    def subscribe(self, match: Match, start: Start, reader: Reader = Reader()) -> Subscription:  # noqa: B008
        """Subscribe; the caller iterates the subscription and closes it.

        Args:
            match: Which events.
            start: Where in the log.
            reader: Who reads, for limits and metrics.

        Raises:
            TooMany: Too many readers.
            StoreUnavailable: Another server should serve them: see :attr:`refusal`.
        """
        if self.refusal and reader.transport != "inside":
            raise StoreUnavailable(f"{self.refusal}; connect to another server")
        if self.subscription_count >= self._max_subscriptions:
            raise TooMany("too many open streams on this server; close some", retry_after=5)
        self.readers.began(reader)
        return Subscription(
            self._store,
            match,
            start,
            self._fanout,
            partial(self._on_left, reader),
            buffer_events=self._buffer_events,
            buffers=None if reader.transport == "inside" else self.buffers,
        )

    def _on_left(self, reader: Reader, reason: Exception) -> None:
        how: Ending = "server_stopped" if self._stopped else "left"
        if isinstance(reason, SlowReader):
            how = "slow"
            note(_log, logging.INFO, "closed_slow", transport=reader.transport)
        self.readers.ended(reader, how)

    async def request(self, request_id: str) -> Request:
        """Return a request as it stands.

        Raises:
            UnknownRequest: It was never asked here.
        """
        request = await self._store.request(request_id)
        if request is None:
            raise state.unknown_request(request_id)
        return request

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of a listing."""
        return await self._store.requests(query)

    async def rule(self, rule_id: str) -> Standing:
        """Return a rule that a person made; it may be revoked.

        Raises:
            NotFound: There is no such rule.
        """
        return await self._rules.find(rule_id)

    async def rules(self) -> list[Standing]:
        """Return the rules that stand, oldest first."""
        return await self._rules.standing()

    async def trail(self, *, after: int, limit: int) -> TrailPage:
        """Return the next entries of the trail."""
        return await self._store.trail(after=after, limit=limit)

    async def is_taken(self, key_scope: KeyScope, event_id: str) -> bool:
        """Say whether an event outside of this scope has the id."""
        return await is_taken(self._store, key_scope, event_id)

    async def prune(self, *, keep: int, days: float) -> int:
        """Drop events beyond the newest ``keep`` and older than ``days``; return how many."""
        before = self._trusted().timestamp() - days * 86_400
        await self._trusted.save(self._store)
        return await self._store.prune(keep=keep, before=before)

    # ---- presence

    def waiter_arrived(self, source_id: str, by: str | None = None) -> None:
        """Count a connection that names a waiting process; pair it with :meth:`waiter_left`."""
        self._lifecycle.presence.arrived(Waiter(by, source_id))

    def waiter_left(self, source_id: str, by: str | None = None) -> None:
        """Forget a connection that closed."""
        self._lifecycle.presence.left(Waiter(by, source_id))

    async def is_present(self, source_id: str) -> bool:
        """Whether this process is connected, or was until a moment ago."""
        return await self._lifecycle.presence.is_near(source_id)

    async def is_named(self, source_id: str, within: KeyScope) -> bool:
        """Say whether an event in this scope names the waiting process."""
        return await is_named(self._store, within, source_id)

    def _on_reset(self) -> None:
        """End every stream, so that its reader resumes, and read the open requests again."""
        self._fanout.end_recipients(Closed())
        self._lifecycle.read_again()

    def _on_commit(self, commits: Sequence[Commit]) -> None:
        for commit in commits:
            self._lifecycle.follow(commit)
        self._fanout.offer([commit.record for commit in commits])
