"""Reads a log for one reader: the stored events first, then live ones, each exactly once.

The rule, known to no other file: **register first, then replay up to the top that was announced at
that moment, then give what queued meanwhile, then go live.** Commits are announced on the event
loop in offset order. So every event is either at or below that top, and read from the store, or
above it, and in the queue.

A subscription is always in one of these phases:

    phase        next() gives                         then                    a full queue
    -----------  -----------------------------------  ----------------------  --------------------
    LOCATING     a gap, if the start is unknown       REPLAYING               is read again later
    REPLAYING    a stored page, or a gap if pruned    FLUSHING, at the        is read again later
                                                      boundary
    FLUSHING     what queued                          CATCHING_UP             is read again later
    CATCHING_UP  CaughtUp                             LIVE; or REPLAYING, if  is read again later
                                                      the boundary moved
    LIVE         what queues, or None on a timeout    ENDED, by end()         ends with SlowReader
    ENDED        what queued while live, then raises                          takes nothing more

Every phase may become ENDED. The boundary is the offset up to which the store is read. The queue
is bounded. Before LIVE a full queue costs nothing: it is dropped, the boundary moves to the new
top, and the store is read up to there. In LIVE it ends the subscription with :class:`SlowReader`.
The reader can resume, and no other reader is slowed. A reader is slow only if it was behind
already: one large commit may fill the queue of a reader that waits for it.

The log may be pruned between two pages of a replay. Each page tells how far that went, from the
same view of the log. A reader whose next events are gone gets a gap and then everything that is
kept, as if it had come back with the last event that it saw.

Above: the delivery loop and the polls, which call :meth:`Subscription.next`. Below: the store for
the replay, and the fan-out for what is committed. It knows no transport.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto
from functools import partial
from typing import Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.broker.delivery.audience import Encoder, Sink
from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.broker.delivery.fanout import Fanout
from crewai_hitl_nb.broker.visibility import offset_within
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.store.base import Match, Record, Scope, Store, is_full

Replay: TypeAlias = Literal["pending", "all", "none"]


class SlowReader(Exception):
    """The reader took too long: its bounded buffer is full. It may resume by its last id."""


class Closed(Exception):
    """The broker is closing. The reader may connect again and resume."""


class CaughtUp(msgspec.Struct, frozen=True):
    """The replay is over; what follows is live.

    Attributes:
        offset: The reader was given every event up to here that it wants. The log may be longer:
            what came meanwhile follows.
    """

    offset: int


Step: TypeAlias = Sequence[Record] | Gap | CaughtUp


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader begins: after ``last_event_id``, or with a ``replay`` if it has none."""

    last_event_id: str | None = None
    replay: Replay = "pending"


class Phase(Enum):
    """Where a subscription stands; the rules are at the top of this file."""

    LOCATING = auto()
    REPLAYING = auto()
    FLUSHING = auto()
    CATCHING_UP = auto()
    LIVE = auto()
    ENDED = auto()


_FOLLOWING: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.LOCATING: frozenset({Phase.REPLAYING, Phase.ENDED}),
    Phase.REPLAYING: frozenset({Phase.FLUSHING, Phase.ENDED}),
    Phase.FLUSHING: frozenset({Phase.CATCHING_UP, Phase.ENDED}),
    Phase.CATCHING_UP: frozenset({Phase.REPLAYING, Phase.LIVE, Phase.ENDED}),
    Phase.LIVE: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset(),
}


class Subscription:
    """One reader of a log. Call :meth:`next` for its events; close it when the reader leaves."""

    def __init__(
        self,
        store: Store,
        match: Match,
        start: Start,
        fanout: Fanout,
        left: Callable[[Exception], None],
        *,
        buffer_events: int = limits.BUFFER_EVENTS,
        buffer_bytes: int = limits.BUFFER_BYTES,
        buffers: Buffers | None = None,
    ) -> None:
        """Register for what is committed from now on.

        Args:
            store: Where the replay is read.
            match: Which events the reader wants.
            start: Where it begins.
            fanout: Offers it what is committed, until it ends or is handed over.
            left: Called once with the reason when the reader leaves, also a sink's.
            buffer_events: Most events that wait for the reader.
            buffer_bytes: Most bytes that wait for the reader.
            buffers: The budget of all readers together; None for one that never falls behind.
        """
        self._store = store
        self.match = match
        self._start = start
        self._fanout = fanout
        self._left = left
        self._most_events = buffer_events
        self._most_bytes = buffer_bytes
        self.buffers = buffers or Buffers()
        self._hold = self.buffers.hold(partial(self.end, SlowReader()))

        self._phase = Phase.LOCATING
        self._reason: Exception | None = None  # once it is ended
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        self._boundary = store.top
        self._reached = 0  # the reader was given what it wants up to this offset
        self._upto = self._began = self._boundary  # the boundary of this pass through the store
        self._scope: Scope = "all"
        self._last_id = start.last_event_id or ""
        self._known_missing: int | None = None
        """The reader knows that events up to here may be missing; None until the first page."""

        self._queue: deque[Record] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        fanout.add(self)

    # ---- what is committed

    def offer(self, records: Sequence[Record]) -> None:
        """Take newly committed records; the fan-out calls this in offset order."""
        if self._has_ended:
            return
        live = self._phase is Phase.LIVE
        behind = bool(self._queue) or not live
        for record in records:
            if self.match(record):
                self._queue.append(record)
                self._queued_bytes += len(record.body)
                self._hold.keep(record.body)
            if self._has_ended:
                return  # by the budget of all: the rest of the commit would follow a hole
        # Before it is live, what queues can be read again at no cost, so a page of it is enough.
        most_bytes = self._most_bytes if live else min(self._most_bytes, limits.PAGE_BYTES)
        full = len(self._queue) > self._most_events or self._queued_bytes > most_bytes
        if full and behind:
            self._overflow(records[-1].offset)
        if self._queue:
            self._wake.set()

    @property
    def _has_ended(self) -> bool:
        return self._phase is Phase.ENDED

    def _overflow(self, top: int) -> None:
        self._take_queue()
        if self._phase is Phase.LIVE:
            self.end(SlowReader())
        else:
            self._boundary = top

    def _take_queue(self) -> list[Record]:
        taken = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        self._hold.drop_all()
        return taken

    # ---- its end

    def end(self, reason: Exception) -> None:
        """End it from outside: the reader gets ``reason`` at its next step."""
        if self._phase is not Phase.ENDED:
            self._stop(reason)
            self._left(reason)

    def _stop(self, reason: Exception) -> None:
        if self._phase is not Phase.LIVE:
            self._take_queue()  # it is behind what is stored, which the reader does not get
        self._reason = reason
        self._become(Phase.ENDED)
        self._ended.set_result(None)
        self._wake.set()
        self._fanout.discard(self)

    def close(self) -> None:
        """End it because the reader leaves: nothing is counted as waiting for it any more."""
        self.end(Closed())
        self._hold.release()

    def hand_over(self, sink: Sink, encoder: Encoder) -> None:
        """Let a sink continue from here, live, in place of the caller of :meth:`next`.

        What queued goes first, in this same turn of the loop. So no event is missing or given
        twice between the last one from :meth:`next` and the first one that the sink gets.

        Raises:
            SlowReader, Closed: It was ended before.
        """
        if self._reason is not None:
            raise self._reason
        queued, top = self._take_queue(), self._store.top
        self._stop(Closed())
        self._hold.release()
        sink.buffers = self.buffers
        sink.left = self._left
        sink.most_events, sink.most_bytes = self._most_events, self._most_bytes
        self._fanout.join(sink, self.match, encoder, top)
        if queued:
            sink.take(encoder.events(queued), len(queued))

    # ---- what the reader gets

    async def next(self, timeout: float | None = None) -> Step | None:
        """Return the next step, or None when it is live and nothing came for ``timeout`` seconds.

        Raises:
            SlowReader: The buffer overflowed.
            Closed: It was closed.
            StoreUnavailable: The replay cannot be read now.
        """
        self._hold.resize(0)  # the step before this one is written
        while True:
            match self._phase:
                case Phase.LOCATING:
                    step: Step | None = await self._locate()
                case Phase.REPLAYING:
                    step = await self._replay()
                case Phase.FLUSHING:
                    step = self._flush()
                case Phase.CATCHING_UP:
                    step = self._catch_up()
                case Phase.LIVE:
                    return await self._wait_for_queue(timeout)
                case Phase.ENDED:
                    return self._rest()
            if step is not None:
                return step

    async def written(self, write: Awaitable[object]) -> None:
        """Wait for a write to the reader, but not beyond the end of the subscription.

        A reader that stops reading never lets the write finish.

        Raises:
            SlowReader: The buffer overflowed meanwhile.
            Closed: It was closed meanwhile.
        """
        writing = asyncio.ensure_future(write)
        writing.add_done_callback(_retrieve)  # it may outlive this call, which may be cancelled
        await asyncio.wait((writing, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if self._reason is not None and not writing.done():
            raise self._reason
        writing.result()

    # ---- the phases

    def _become(self, phase: Phase) -> None:
        """Go to a phase, unless it was ended while this one waited for the store."""
        if self._phase is not Phase.ENDED:
            assert phase in _FOLLOWING[self._phase]
            self._phase = phase

    async def _locate(self) -> Gap | None:
        """Find the place to begin after, and what to read from there."""
        gap: Gap | None = None
        last = self._start.last_event_id
        if last is not None:
            offset = await offset_within(self._store, self.match.within, last)
            if offset is None:
                gap = self._gap("unknown_event_id")
            else:
                if offset > self._boundary:
                    await self._wait_for(offset)
                self._reached, self._known_missing = offset, 0
        elif self._start.replay == "none":
            self._reached, self._known_missing = self._began, 0
        elif self._start.replay == "pending":
            self._scope = "pending"
        self._become(Phase.REPLAYING)
        return gap

    async def _wait_for(self, offset: int) -> None:
        """Wait for the reader's last event, which another server announced before this one.

        What queues meanwhile was given to the reader there, or is read from the store here.
        """
        await self._store.reached(offset)
        self._take_queue()
        self._boundary = self._upto = self._store.top

    async def _replay(self) -> Step | None:
        """Read a page up to the boundary."""
        if self._reached >= self._upto:
            if self._reached >= self._boundary:
                self._become(Phase.FLUSHING)  # no await until it looks into the queue
                return None
            # An overflow moved the boundary. What was open then was read; now all events count.
            self._upto, self._scope = self._boundary, "all"
        await self._hold.room()
        after = self._reached
        page = await self._store.replay(
            self.match,
            after=after,
            upto=self._upto,
            limit=limits.REPLAY_EVENTS,
            scope=self._scope,
        )
        self._hold.resize(2 * sum(len(record.body) for record in page.records))
        if self._known_missing is None:  # it reads what is kept, and was promised no more
            self._known_missing = page.pruned_through
        # Of the open requests nothing is ever pruned while they are open.
        if self._scope == "all" and page.pruned_through > max(after, self._known_missing):
            self._reached, self._known_missing = 0, page.pruned_through
            return self._gap("pruned")
        full = is_full(page.records, limits.REPLAY_EVENTS)
        self._reached = page.records[-1].offset if full else self._upto
        if not page.records:
            return None
        self._last_id = page.records[-1].event_id
        return page.records

    def _flush(self) -> Sequence[Record] | None:
        """Give what queued during the replay.

        Once: the reader must not begin its live time with a full buffer, nor wait for it for as
        long as others publish.
        """
        queued = self._take_queue()
        self._become(Phase.CATCHING_UP)
        if not queued:
            return None
        self._reached = queued[-1].offset
        return queued

    def _catch_up(self) -> CaughtUp | None:
        """Go live. No await between the look at the boundary and the change of the phase."""
        if self._reached < self._boundary:
            self._become(Phase.REPLAYING)
            return None
        self._become(Phase.LIVE)
        return CaughtUp(self._reached)

    async def _wait_for_queue(self, timeout: float | None) -> Sequence[Record] | None:
        """Wait for committed events."""
        while not self._queue:
            if self._reason is not None:
                raise self._reason
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except asyncio.TimeoutError:
                return None
        return self._rest()

    def _rest(self) -> Sequence[Record]:
        """Return what queued; without that, raise why it ended."""
        if not self._queue and self._reason is not None:
            raise self._reason
        self._hold.resize(self._queued_bytes)  # until it is written
        return self._take_queue()

    def _gap(self, reason: Literal["unknown_event_id", "pruned"]) -> Gap:
        return Gap(
            reason=reason,
            last_event_id=self._last_id,
            epoch=self._store.epoch,
            message=(
                "events after this id are no longer kept; everything that is kept follows"
                if reason == "pruned"
                else "this id is not in the log; everything that is kept follows"
            ),
        )


def _retrieve(writing: asyncio.Future[object]) -> None:
    """Retrieve how an abandoned write ended, so that asyncio does not report it as forgotten."""
    if not writing.cancelled():
        writing.exception()
