"""``GET poll/human-input[/{execution_id}]``: events since the last one, as one JSON reply.

With ``timeout`` the call is held open until something comes (long-poll). The reply's
``last_event_id`` is where the next call goes on; it stays what the caller sent when
nothing came, and is null when that is of no use any more (a gap, and nothing is kept).

Who has nothing to be told yet joins all who wait for the same
(``broker/delivery/audience.py``): the body of their reply is made once, and written behind each
caller's own headers, which are ready
(``poll_response.py``). What is left of a thousand calls is done in turns, so it holds up nobody.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError

from crewai_hitl_nb.broker.delivery.audience import Sink
from crewai_hitl_nb.broker.delivery.subscription import Closed, Live, Subscription
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.dialects import CANONICAL, Dialect
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat, encode_frame
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.server.loop_slices import Turns
from crewai_hitl_nb.server.streams.poll_response import Prepared, prepare
from crewai_hitl_nb.server.streams.presence import waiting
from crewai_hitl_nb.store.base import Record


class PollHandler(HitlHandler):
    """One poll."""

    _track_activity = False  # a waiting script must not keep a culled server alive
    dialect: Dialect = CANONICAL
    _subscription: Subscription | None = None
    _held: "_Held | None" = None

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
        lean = self.services.lean and timeout > 0
        reply: bytes | None = None
        try:
            with waiting(self, self.broker):
                gap, records, more = await _collect(subscription, limit, 0.0 if lean else timeout)
                if lean and not (records or gap):
                    reply = await self._hold(subscription, self._form(limit), timeout)
        finally:
            subscription.close()
        last = start.last_event_id if gap is None else None
        body = reply or self._form(limit).reply(records, last, gap, more=more)
        self.counted(self.finish(body), len(body))

    def _form(self, limit: int) -> "Reply":
        return Reply(self.dialect, self.broker.epoch, limit)

    async def _hold(
        self, subscription: Subscription, form: "Reply", seconds: float
    ) -> bytes | None:
        """Wait for the first events among all who wait for the same; None when none came."""
        self.set_header("Content-Type", "application/json")
        held = self._held = _Held(self.services.turns, prepare(self))
        try:
            subscription.hand_over(held, form)
        except Closed:
            return None
        self.services.streams.began(held, self.reader)
        over = asyncio.get_running_loop().call_later(seconds, held.end, Closed())
        try:
            reply = await held.reply
        finally:
            over.cancel()
            held.end(Closed())
        if held.written is not None:
            with suppress(StreamClosedError):
                await held.written
        return reply

    def flush(self, include_footers: bool = False) -> "asyncio.Future[None]":
        """Write the reply, unless it is written already."""
        if self._held is None or self._held.written is None:
            return super().flush(include_footers)
        self._headers_written = True
        return self._held.written

    def compute_etag(self) -> None:
        """No tag: events are asked for by the last one seen, so no reply comes twice."""

    def on_connection_close(self) -> None:
        """The caller went away: stop waiting for it."""
        for reading in (self._subscription, self._held):
            if reading is not None:
                reading.end(Closed())
        super().on_connection_close()


class Reply(msgspec.Struct, frozen=True):
    """The form of a reply: one for all whose waiting the same events end."""

    dialect: Dialect
    epoch: str
    limit: int

    def events(self, records: Sequence[Record]) -> bytes:
        """Return the reply to those who had nothing to be told until now."""
        return self.reply(records[: self.limit])

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return nothing: a held call is told of events only."""
        return b""

    def reply(
        self,
        records: Sequence[Record],
        last_event_id: str | None = None,
        gap: Gap | None = None,
        *,
        more: bool = False,
    ) -> bytes:
        """Return the body, with the place to go on from where no record names one."""
        body: dict[str, Any] = {
            "events": [msgspec.Raw(self.dialect.say(record.body)) for record in records],
            "last_event_id": records[-1].event_id if records else last_event_id,
            "epoch": self.epoch,
        }
        if more:
            body["more"] = True
        if gap is not None:
            body["gap"] = msgspec.Raw(self.dialect.say(encode_frame(gap)))
        return msgspec.json.encode(body)


class _Held(Sink):
    """A caller who waits; whatever comes first ends that.

    Attributes:
        reply: The body, or None where nothing came: then the handler finds out what to say.
        written: Done when the reply is out, where it was prepared and is on its way.
    """

    __slots__ = ("_prepared", "_turns", "reply", "written")

    def __init__(self, turns: Turns, prepared: Prepared | None) -> None:
        super().__init__()
        self._turns = turns
        self._prepared = prepared
        self.reply: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self.written: asyncio.Future[None] | None = None

    def take(self, data: bytes, events: int) -> None:
        if not events:
            return
        self.leave(Closed())
        if self._prepared is not None:
            with suppress(StreamClosedError):  # which ends the wait
                self.written = self._prepared.send(data)
                if not self.written.done() and self.buffers is not None:
                    hold = self.buffers.hold(self._prepared.close)
                    hold.resize(len(data))
                    self.written.add_done_callback(lambda _: hold.release())
        self._turns.add(partial(self._settle, data))

    def end(self, reason: Exception) -> None:
        self.leave(reason)
        if self.written is None:
            self._settle(None)

    def _settle(self, reply: bytes | None) -> None:
        if not self.reply.done():
            self.reply.set_result(reply)


async def _collect(
    subscription: Subscription, limit: int, timeout: float
) -> tuple[Gap | None, list[Record], bool]:
    """Gather up to ``limit`` records, fewer when they are large; wait only while there is none.

    The last value says whether the replay goes on behind them.
    """
    gap: Gap | None = None
    records: list[Record] = []
    deadline = asyncio.get_running_loop().time() + timeout
    live, size = False, 0
    while len(records) < limit and size < limits.PAGE_BYTES and not (live and (records or gap)):
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        if live and left <= 0:
            break
        try:
            step = await subscription.next(left)
        except Closed:
            break
        if step is None:
            break
        if isinstance(step, Live):
            live = True
        elif isinstance(step, Gap):
            gap, size = step, 0
            records.clear()  # everything that is kept follows, these as well
        else:
            records.extend(step)
            size += sum(len(record.body) for record in step)
    full = len(records) >= limit or size >= limits.PAGE_BYTES
    return gap, records[:limit], full and not live
