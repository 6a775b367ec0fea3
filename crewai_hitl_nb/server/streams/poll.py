"""``GET poll/human-input[/{execution_id}]``: events since the last one, as one JSON reply.

With ``timeout`` the call is held open until an event comes (long-poll). The reply's
``last_event_id`` is where the next call continues. It stays what the caller sent when no event
came, and is null when that id is of no use any more (a gap, and no event is kept).

A call for which there is nothing yet is held with its response prepared, in the audience of all
calls that wait for the same events (``fast/poll_response.py``). Where that cannot be, it waits for
its own subscription.

Above: the routes. Below: subscriptions, the encoders and the held polls.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from tornado.iostream import StreamClosedError

from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Closed, Subscription
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat, encode_frame
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.server.fast import poll_response, tornado_internals
from crewai_hitl_nb.server.fast.poll_response import HeldPoll, PollResponse
from crewai_hitl_nb.server.streams.presence import waiting
from crewai_hitl_nb.store.base import Record


class PollHandler(HitlHandler):
    """One poll."""

    _track_activity = False  # a waiting script must not keep a culled server alive
    dialect: Dialect = CANONICAL
    _subscription: Subscription | None = None
    _held: HeldPoll | None = None

    @needs("read")
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Return what there is, or wait for it as long as the caller says."""
        start = parameters.start(self, default="all")
        self.dialect = parameters.dialect(self, self.dialect)
        limit = parameters.count(
            self, "limit", default=limits.PAGE_EVENTS, most=limits.MAX_POLL_EVENTS
        )
        timeout = parameters.number(self, "timeout", default=0.0, most=limits.MAX_POLL_SECONDS)
        match = parameters.match(self, execution_id, crew_id)
        await self.waiter()
        subscription = self._subscription = self.subscribe(match, start, "poll")
        written: asyncio.Future[None] | None = None
        try:
            with waiting(self, self.broker):
                found = await _stored(subscription, limit)
                if timeout > 0 and not found.says_something:
                    self.set_header("Content-Type", "application/json")
                    if (response := self._prepared()) is not None:
                        written = await self._hold(
                            subscription, self._encoder(limit), response, timeout
                        )
                    else:
                        found = await _next_events(subscription, limit, timeout)
        finally:
            subscription.close()
        if written is not None:
            tornado_internals.finish_written(self, written)
            return
        body = self._encoder(limit).reply(found, None if found.gap else start.last_event_id)
        self.counted(self.finish(body), len(body))

    def _encoder(self, limit: int) -> "PollEncoder":
        return PollEncoder(self.dialect, self.broker.epoch, limit)  # no broker: the server stops

    def _prepared(self) -> PollResponse | None:
        return poll_response.prepare(self) if self.services.shortcuts.poll_response else None

    async def _hold(
        self,
        subscription: Subscription,
        encoder: "PollEncoder",
        response: PollResponse,
        seconds: float,
    ) -> "asyncio.Future[None] | None":
        """Wait among all calls for the same events, until the reply is out.

        Returns:
            When it is out; None where no event came in time and no reply was written.
        """
        held = self._held = HeldPoll(response, self.services.loop_slices)
        try:
            subscription.hand_over(held, encoder)
        except Closed:
            return None
        self.services.streams.began(held, self.reader)
        timer = asyncio.get_running_loop().call_later(seconds, held.end, Closed())
        try:
            written = await held.ended
        finally:
            timer.cancel()
            held.end(Closed())
        if written is not None:
            with suppress(StreamClosedError):
                await written
        return written

    def compute_etag(self) -> None:
        """No tag: events are asked for by the last one seen, so no reply comes twice."""

    def on_connection_close(self) -> None:
        """Stop waiting, because the caller closed the connection."""
        for reading in (self._subscription, self._held):
            if reading is not None:
                reading.end(Closed())
        super().on_connection_close()


class _Found(NamedTuple):
    """What a call has to say.

    Attributes:
        records: The events.
        gap: That events before them are missing.
        more: Whether stored events follow at once.
    """

    records: Sequence[Record] = ()
    gap: Gap | None = None
    more: bool = False

    @property
    def says_something(self) -> bool:
        return bool(self.records or self.gap)


class PollEncoder(msgspec.Struct, frozen=True):
    """Encodes replies: one for all calls that the same events end."""

    dialect: Dialect
    epoch: str
    limit: int

    def events(self, records: Sequence[Record]) -> bytes:
        """Return the reply to calls that were held until now."""
        return self.reply(_Found(records[: self.limit]))

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return nothing: a held call is sent events only."""
        return b""

    def reply(self, found: _Found, last_event_id: str | None = None) -> bytes:
        """Return the body.

        Args:
            found: What it says.
            last_event_id: Where the next call continues, if there is no event.
        """
        records = found.records
        body: dict[str, Any] = {
            "events": [msgspec.Raw(self.dialect.say(record.body)) for record in records],
            "last_event_id": records[-1].event_id if records else last_event_id,
            "epoch": self.epoch,
        }
        if found.more:
            body["more"] = True
        if found.gap is not None:
            body["gap"] = msgspec.Raw(self.dialect.say(encode_frame(found.gap)))
        return msgspec.json.encode(body)


async def _stored(subscription: Subscription, limit: int) -> _Found:
    """Return up to ``limit`` stored events, fewer when they are large."""
    gap: Gap | None = None
    records: list[Record] = []
    size = 0
    while len(records) < limit and size < limits.PAGE_BYTES:
        try:
            step = await subscription.next(0)
        except Closed:
            return _Found(records, gap)
        if step is None or isinstance(step, CaughtUp):
            return _Found(records, gap)
        if isinstance(step, Gap):
            gap, size = step, 0
            records.clear()  # everything that is kept follows, these as well
        else:
            records.extend(step)
            size += sum(len(record.body) for record in step)
    return _Found(records[:limit], gap, more=True)


async def _next_events(subscription: Subscription, limit: int, seconds: float) -> _Found:
    """Wait for the first events of a subscription that is live."""
    try:
        step = await subscription.next(seconds)
    except Closed:
        step = None
    return _Found() if step is None or isinstance(step, Gap | CaughtUp) else _Found(step[:limit])
