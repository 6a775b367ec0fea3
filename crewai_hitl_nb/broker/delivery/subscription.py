"""A subscription: replay, then live, with no hole and no double between.

The rule, known to no other file: **register first, then replay up to the top that was
announced at that moment, then flush what queued meanwhile, then live.** Because commits
are announced on the event loop in offset order, every event is either at or below that
top (and read from the store) or above it (and in the queue).

The queue is bounded. While the replay runs an overflow costs nothing: the queue is
emptied and the replay goes on to the new top. Once live, an overflow ends the
subscription with :class:`SlowReader`, which the reader can resume from; it slows nobody
else. Only a reader that was behind already is slow: one large commit may fill the queue
of a reader that waits for it.

The log may be pruned between two pages of a replay. Each page comes with how far that went, from
the same view of the log: a reader whose next events are gone is told so by a gap, and then given
everything that is kept, as if it had come back with the last event that it saw.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, TypeAlias

import msgspec

from crewai_hitl_nb.broker.delivery.audience import Form, Sink
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


class Live(msgspec.Struct, frozen=True):
    """The replay is over; what follows is live.

    Attributes:
        offset: Up to here the reader was given everything that it wants. The log may be
            further: what came meanwhile follows.
    """

    offset: int


Step: TypeAlias = Sequence[Record] | Gap | Live


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reader begins: after ``last_event_id``, or with a ``replay`` if it has none."""

    last_event_id: str | None = None
    replay: Replay = "pending"


class Subscription:
    """One reader of a log. Iterate it; close it when the reader leaves."""

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
        """Take part from now on.

        Args:
            store: Where the replay is read.
            match: Which events the reader wants.
            start: Where it begins.
            fanout: Tells it what is committed, until it ends or is handed over.
            left: Called once with the reason when the reader leaves, also a sink's.
            buffer_events: Most events that wait for the reader.
            buffer_bytes: Most bytes that wait for the reader.
            buffers: Of all readers together; None for one that is always on time.
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
        self._began = self._boundary = store.top
        self._queue: deque[Record] = deque()
        self._queued_bytes = 0
        self._live = False
        self._replayed = 0
        self._last = start.last_event_id or ""
        self._missing: int | None = None
        """The reader knows that events up to here may be missing; None until the first page."""
        self._end: Exception | None = None
        self._wake = asyncio.Event()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._steps = self._walk()
        fanout.add(self)

    def offer(self, records: Sequence[Record]) -> None:
        """Take newly committed records; called by the broker in offset order."""
        if self._end is not None:
            return
        behind = bool(self._queue) or not self._live
        for record in records:
            if self.match(record):
                self._queue.append(record)
                self._queued_bytes += len(record.body)
                self._hold.keep(record.body)
        # What queues while it replays is read again at no cost, so a page of it is enough.
        most_bytes = self._most_bytes if self._live else min(self._most_bytes, limits.PAGE_BYTES)
        full = len(self._queue) > self._most_events or self._queued_bytes > most_bytes
        if full and behind:
            self._overflow(records[-1].offset)
        if self._queue or self._end:
            self._wake.set()

    def _overflow(self, top: int) -> None:
        self._empty()
        if self._live:
            self.end(SlowReader())
        else:
            self._boundary = top

    def _empty(self) -> list[Record]:
        taken = list(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        self._hold.drop_all()
        return taken

    def end(self, reason: Exception) -> None:
        """End it from outside: the reader gets ``reason`` at its next step."""
        if self._end is None:
            self._stop(reason)
            self._left(reason)

    def _stop(self, reason: Exception) -> None:
        self._end = reason
        self._ended.set_result(None)
        self._wake.set()
        self._fanout.discard(self)

    def close(self) -> None:
        """The reader leaves: nothing waits for it any more."""
        self.end(Closed())
        self._hold.release()

    def hand_over(self, sink: Sink, form: Form) -> None:
        """Let the sink go on from here, live, in place of whoever iterates.

        What queued goes first, in this same turn of the loop: between the last event that was
        iterated and the first that the sink is given there is no hole and no double.

        Raises:
            SlowReader, Closed: It was ended before.
        """
        if self._end is not None:
            raise self._end
        queued, top = self._empty(), self._store.top
        self._stop(Closed())
        self._hold.release()
        sink.buffers = self.buffers
        sink.left = self._left
        sink.most_events, sink.most_bytes = self._most_events, self._most_bytes
        self._fanout.join(sink, self.match, form, top)
        if queued:
            sink.take(form.events(queued), len(queued))

    async def next(self, timeout: float | None = None) -> Step | None:
        """Return the next step, or None when ``timeout`` seconds passed without one.

        Raises:
            SlowReader: The buffer overflowed.
            Closed: It was closed.
            StoreUnavailable: The replay cannot be read now.
        """
        if self._live:
            return await self._next_live(timeout)
        try:
            return await self._steps.__anext__()
        except StopAsyncIteration:
            return Live(self._replayed)

    async def written(self, write: Awaitable[object]) -> None:
        """Wait for a write to the reader, but not beyond the end of the subscription.

        A reader that takes nothing more never lets the write finish.

        Raises:
            SlowReader: The buffer overflowed meanwhile.
            Closed: It was closed meanwhile.
        """
        writing = asyncio.ensure_future(write)
        writing.add_done_callback(_look)  # it may outlive this call, which may be cancelled
        await asyncio.wait((writing, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if self._end is not None and not writing.done():
            raise self._end
        writing.result()

    async def _next_live(self, timeout: float | None) -> Sequence[Record] | None:
        self._hold.resize(0)
        while not self._queue:
            if self._end is not None:
                raise self._end
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except asyncio.TimeoutError:
                return None
        self._hold.resize(self._queued_bytes)  # until it is written
        return self._empty()

    async def _walk(self) -> AsyncIterator[Step]:
        """The replay, page by page, with a gap wherever events are missing; then it is live."""
        done, scope, gap = await self._locate()
        if gap is not None:
            yield gap
        flushed = False
        while done < self._boundary or (self._queue and not flushed):
            if done < self._boundary:
                upto = self._boundary
                async for step in self._pages(done, upto, scope):
                    yield step
            else:
                # Once: the reader shall not begin its live time with a full buffer, nor
                # wait for it for as long as others publish.
                queued, flushed = self._empty(), True
                upto = queued[-1].offset
                yield queued
            # An overflow may have moved the boundary. "What was open" was answered for the
            # first one; of what came after it all must be seen.
            done, scope = upto, "all"
        # No await between the last look at the boundary and this line: see the rule above.
        self._live, self._replayed = True, done

    async def _pages(self, after: int, upto: int, scope: Scope) -> AsyncIterator[Step]:
        while self._end is None:
            await self._hold.room()
            page = await self._store.replay(
                self.match, after=after, upto=upto, limit=limits.REPLAY_EVENTS, scope=scope
            )
            self._hold.resize(2 * sum(len(record.body) for record in page.records))
            if self._missing is None:  # it reads what is kept, and was promised no more
                self._missing = page.pruned_through
            # Of the open requests nothing is ever pruned while they are open.
            if scope == "all" and page.pruned_through > max(after, self._missing):
                yield self._gap("pruned")
                after, self._missing = 0, page.pruned_through
                continue
            if page.records:
                self._last = page.records[-1].event_id
                yield page.records
            self._hold.resize(0)
            if not is_full(page.records, limits.REPLAY_EVENTS):
                return
            after = page.records[-1].offset
        raise self._end

    async def _locate(self) -> tuple[int, Scope, Gap | None]:
        """Return the place to begin behind, and what to read from there."""
        last = self._start.last_event_id
        if last is not None:
            offset = await offset_within(self._store, self.match.within, last)
            if offset is None:
                return 0, "all", self._gap("unknown_event_id")
            self._missing = 0
            return offset, "all", None
        if self._start.replay == "none":
            self._missing = 0
            return self._began, "all", None  # the boundary may have moved on by an overflow
        return 0, "pending" if self._start.replay == "pending" else "all", None

    def _gap(self, reason: Literal["unknown_event_id", "pruned"]) -> Gap:
        return Gap(
            reason=reason,
            last_event_id=self._last,
            epoch=self._store.epoch,
            message=(
                "events after this id are no longer kept; everything that is kept follows"
                if reason == "pruned"
                else "this id is not in the log; everything that is kept follows"
            ),
        )


def _look(writing: asyncio.Future[object]) -> None:
    """Look at how an abandoned write ended, so that asyncio does not call it forgotten."""
    if not writing.cancelled():
        writing.exception()
